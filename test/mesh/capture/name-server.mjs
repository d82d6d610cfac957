// A name server of the outside: it knows `outside.test`, at the address that it is given, and nothing else.
import { createSocket } from 'node:dgram';
import { decode, encode, RECURSION_AVAILABLE } from 'dns-packet';

const [, , address] = process.argv;
const socket = createSocket('udp4');
socket.on('message', (bytes, from) => {
  const { id, questions = [] } = decode(bytes);
  const [question] = questions;
  const known = question?.name === 'outside.test' && question.type === 'A';
  const answers = known ? [{ type: 'A', name: question.name, ttl: 30, data: address }] : [];
  const rcode = question?.name === 'outside.test' ? 0 : 3;
  socket.send(
    encode({ type: 'response', id, flags: RECURSION_AVAILABLE | rcode, questions, answers }),
    from.port,
    from.address,
  );
  console.log(`asked for ${question?.type} ${question?.name} by ${from.address}`);
});
socket.bind(53, address, () => console.log('name server ready'));
