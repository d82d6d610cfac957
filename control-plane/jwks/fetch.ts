import { lookup } from 'node:dns';
import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';

const MAX_BYTES = 1024 * 1024;
const MAX_REDIRECTS = 5;

/** Addresses that answer for a machine itself, in clouds: no issuer is there, but a URL may be made to lead to them. */
const FORBIDDEN = new BlockList();
FORBIDDEN.addSubnet('169.254.0.0', 16, 'ipv4');
FORBIDDEN.addSubnet('fe80::', 10, 'ipv6');
FORBIDDEN.addAddress('100.100.100.200', 'ipv4');
FORBIDDEN.addAddress('168.63.129.16', 'ipv4');
FORBIDDEN.addAddress('fd00:ec2::254', 'ipv6');

function isForbidden(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && FORBIDDEN.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

const guardedLookup: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const bad = error === null ? addresses.find(({ address }) => isForbidden(address)) : undefined;
    const failure = bad === undefined ? error : new Error(`${hostname} is ${bad.address}, which is not asked for keys`);
    const [first] = addresses ?? [];
    if (failure !== null || first === undefined) done(failure ?? new Error(`${hostname} has no address`), '', 4);
    else if (options.all === true) done(null, addresses);
    else done(null, first.address, first.family);
  });
};

/** The body of a GET, of 1 MiB at most, redirects followed. Rejects with an Error for people. */
export async function fetchText(url: string, timeoutMs: number): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs);
  let target = new URL(url);
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const answer = await getOnce(target, signal).catch((error: unknown) => {
      throw signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error;
    });
    if (typeof answer === 'string') return answer;
    target = new URL(answer.location, target);
  }
  throw new Error(`more than ${MAX_REDIRECTS} redirects`);
}

function getOnce(url: URL, signal: AbortSignal): Promise<string | { readonly location: string }> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!/^https?:$/.test(url.protocol)) return Promise.reject(new Error(`${url.protocol} is not spoken`));
  if (isForbidden(host)) return Promise.reject(new Error(`${host} is not asked for keys`));
  const get = url.protocol === 'https:' ? getSecure : getPlain;
  return new Promise((done, fail) => {
    const request = get(url, { signal, lookup: guardedLookup, agent: false }, (response) => {
      const { statusCode = 0, headers } = response;
      if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
        response.resume();
        done({ location: headers.location });
        return;
      }
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        chunks.push(chunk);
        if (length > MAX_BYTES) request.destroy(new Error(`more than ${MAX_BYTES} bytes came`));
      });
      response.on('error', fail);
      response.on('end', () => {
        if (statusCode === 200) done(Buffer.concat(chunks).toString('utf8'));
        else fail(new Error(`the answer is ${statusCode}`));
      });
    });
    request.on('error', fail);
  });
}
