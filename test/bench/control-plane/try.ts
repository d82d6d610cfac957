import { ApiServer } from './api-server.js';
import { ControlPlaneProcess, endAll, FleetProcess, rootsOf } from './control-plane.js';
import { nowMs } from './fleet-messages.js';
import { BenchMesh } from './mesh.js';
import { podAddress, podName, serviceName } from './objects.js';

const services = Number(process.argv[2] ?? 100);
const sidecars = Number(process.argv[3] ?? 20);
const changes = Number(process.argv[4] ?? 5);
const profile = process.env['PROFILE'];
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const api = new ApiServer();
const url = await api.start();
const mesh = new BenchMesh(api, { services, podsPerService: 2, namespaces: 20 });
const say = (text: string) => console.log(`${text}`);
process.on('exit', endAll);
let t = nowMs();
const cp = await ControlPlaneProcess.start(url, {
  node: process.execPath,
  nodeOptions: profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-interval', '500', `--cpu-prof-dir=${profile}`],
});
say(`ready in ${(nowMs() - t).toFixed(0)} ms, cpu ${cp.cpuMs()} ms, ${cp.residentMb().toFixed(0)} MB`);
const fleet = new FleetProcess();
const nodes = mesh.pods.slice(0, sidecars).map((place) => ({
  namespace: mesh.namespaceOf(place.service),
  pod: podName(place),
  account: serviceName(place.service),
  address: podAddress(place),
  labels: { app: serviceName(place.service), version: 'v1' },
}));
t = nowMs();
let cpu = cp.cpuMs();
fleet.send({ kind: 'connect', nodes, address: `127.0.0.1:${cp.xdsPort}`, ca: rootsOf(api) });
let peak = 0;
for (;;) {
  await pause(200);
  const report = await fleet.report();
  peak = Math.max(peak, cp.residentMb());
  if (report.served >= sidecars) {
    say(`all served after ${(report.servedAt - t).toFixed(0)} ms, cpu ${cp.cpuMs() - cpu} ms, rss ${cp.residentMb().toFixed(0)} MB peak ${peak.toFixed(0)}; lost ${report.lost} ${report.lastLoss}; ${report.responses} responses, ${(report.bytes / 1e6).toFixed(0)} MB; sample ${report.resources} resources`);
    break;
  }
  if (nowMs() - t > 100_000) {
    say(`only ${report.served} of ${report.connected} served, rss ${cp.residentMb().toFixed(0)}; lost ${report.lost} ${report.lastLoss} ${report.responses} responses ${(report.bytes / 1e6).toFixed(0)} MB`);
    break;
  }
}
await pause(1000);
for (let i = 0; i < changes; i++) {
  fleet.send({ kind: 'arm' });
  cpu = cp.cpuMs();
  const at = nowMs();
  mesh.toggleEndpoint(3, i % 2 === 0);
  await pause(Math.min(2000, 500 + sidecars));
  const report = await fleet.report();
  const times = report.heard.map((one) => one.at - at).sort((a, b) => a - b);
  say(`endpoint: heard by ${times.length}, ${report.responses} responses, first ${times[0]?.toFixed(0)} ms, p50 ${times[times.length >> 1]?.toFixed(0)}, last ${times.at(-1)?.toFixed(0)} ms, cpu ${cp.cpuMs() - cpu} ms`);
}
for (let i = 0; i < Math.min(changes, 4); i++) {
  fleet.send({ kind: 'arm' });
  cpu = cp.cpuMs();
  const at = nowMs();
  mesh.changeRoute(5, i < 2 ? '.' : '*');
  await pause(Math.min(8000, 500 + 3 * sidecars));
  const report = await fleet.report();
  const times = report.heard.map((one) => one.at - at).sort((a, b) => a - b);
  say(`route ${i < 2 ? '.' : '*'}: heard by ${times.length}, ${report.responses} responses, ${(report.bytes / 1e6).toFixed(1)} MB first ${times[0]?.toFixed(0)} ms, p50 ${times[times.length >> 1]?.toFixed(0)}, last ${times.at(-1)?.toFixed(0)} ms, cpu ${cp.cpuMs() - cpu} ms, ${cp.residentMb().toFixed(0)} MB`);
}
await cp.end('SIGTERM');
fleet.end();
api.stop();
process.exit(0);
