// A proxyless member of the mesh: gRPC's own xDS client. Calls TARGET (argv[2]) COUNT (argv[3]) times and prints what the
// servers answered, as JSON; with `follow` in place of COUNT it goes on calling and prints every answer in a line of its own.
// GRPC_XDS_BOOTSTRAP_CONFIG names the control plane.
import grpc from '@grpc/grpc-js';
import xds from '@grpc/grpc-js-xds';

xds.register();
const identity = (value) => value;
const Client = grpc.makeGenericClientConstructor({
  hello: {
    path: '/test.Greeter/Hello',
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
});
const [, , target, count] = process.argv;
const client = new Client(target, grpc.credentials.createInsecure());
const call = () =>
  new Promise((resolve, reject) =>
    client.hello(Buffer.from('hi'), { deadline: Date.now() + 20_000 }, (error, answer) =>
      error ? reject(error) : resolve(answer.toString()),
    ),
  );
const answers = {};
try {
  while (count === 'follow') {
    console.log(await call().catch((error) => `error: ${error.message}`));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (let i = 0; i < Number(count); i++) {
    const answer = await call();
    answers[answer] = (answers[answer] ?? 0) + 1;
  }
  console.log(JSON.stringify(answers));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
client.close();
process.exit();
