import { X509Certificate } from 'node:crypto';
import type {
  V1ConfigMap,
  V1Deployment,
  V1EndpointSlice,
  V1Lease,
  V1MutatingWebhookConfiguration,
  V1Namespace,
  V1Pod,
  V1Service,
  V1ValidatingWebhookConfiguration,
} from '@kubernetes/client-node';
import { messageOf } from '../../common/runtime/errors.js';
import { INJECTOR, VALIDATOR } from '../../control-plane/webhooks/configurations.js';
import { ROOT_WARNING_DAYS } from '../ca/describe.js';
import { error, type Line, ok, some, warning } from './report.js';

const DAY_MS = 86_400_000;

/** The Deployment, its pods, and who of them leads. Pure; `now` in ms. */
export function deploymentLines(
  deployment: V1Deployment,
  pods: readonly V1Pod[],
  lease: V1Lease | undefined,
  now: number,
): Line[] {
  const namespace = deployment.metadata?.namespace ?? '';
  const wanted = deployment.spec?.replicas ?? 1;
  const ready = deployment.status?.readyReplicas ?? 0;
  const counted = `${ready} of ${wanted} replicas of ${namespace}/weft-control-plane are ready`;
  const logs = `kubectl -n ${namespace} describe pods -l app.kubernetes.io/name=weft-control-plane; kubectl -n ${namespace} logs deploy/weft-control-plane`;
  const lines: Line[] = [];
  if (ready >= wanted && wanted > 0) lines.push(ok(counted));
  else if (wanted === 0)
    lines.push(
      error('the control plane is scaled to 0', `kubectl -n ${namespace} scale deploy/weft-control-plane --replicas=2`),
    );
  else if (ready === 0) lines.push(error(counted, logs));
  else lines.push(warning(counted, logs));
  for (const pod of pods) {
    const reason = waitingReason(pod);
    if (reason !== undefined) lines.push(error(`pod ${pod.metadata?.name ?? ''}: ${reason}`, logs));
  }
  return [...lines, leaderLine(lease, pods, now, logs)];
}

function waitingReason({ status }: V1Pod): string | undefined {
  for (const { state, name } of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
    const { waiting } = state ?? {};
    if (waiting?.reason !== undefined && !['ContainerCreating', 'PodInitializing'].includes(waiting.reason))
      return `${name} waits: ${[waiting.reason, waiting.message].filter((part) => part !== undefined).join(': ')}`;
  }
  const unscheduled = status?.conditions?.find(
    ({ type, status: state }) => type === 'PodScheduled' && state === 'False',
  );
  return unscheduled === undefined ? undefined : `is not scheduled: ${unscheduled.message ?? ''}`;
}

function leaderLine(lease: V1Lease | undefined, pods: readonly V1Pod[], now: number, logs: string): Line {
  const { holderIdentity = '', renewTime, leaseDurationSeconds = 15 } = lease?.spec ?? {};
  if (holderIdentity === '') return error('no replica leads: certificates and statuses are not kept', logs);
  const pod = holderIdentity.replace(/_[^_]*$/, '');
  const age = renewTime === undefined ? 0 : now - new Date(renewTime).getTime();
  // The clock here may be another one than the cluster's.
  if (age > Math.max(60_000, 4000 * leaseDurationSeconds))
    return error(`${pod} led last, ${Math.round(age / 1000)} s ago`, logs);
  const there = pods.length === 0 || pods.some(({ metadata }) => metadata?.name === pod);
  return there
    ? ok(`${pod} leads`)
    : warning(`${pod} leads, and is gone`, 'wait: another replica takes over in a minute');
}

/** Everything that webhooks need in order to be called. Pure. */
export function webhookLines(
  configurations: readonly (V1MutatingWebhookConfiguration | V1ValidatingWebhookConfiguration)[],
  root: string | undefined,
  service: V1Service | undefined,
  slices: readonly V1EndpointSlice[],
): Line[] {
  const lines = [INJECTOR, VALIDATOR].map((name) => {
    const found = configurations.find(({ metadata }) => metadata?.name === name);
    return found === undefined
      ? error(`there is no webhook configuration ${name}`, 'weft install | kubectl apply --server-side -f -')
      : configurationLine(name, found, root);
  });
  const port = service?.spec?.ports?.find((one) => one.port === 443);
  if (service === undefined || port === undefined)
    return [
      ...lines,
      error('Service weft-control-plane has no port 443', 'weft install | kubectl apply --server-side -f -'),
    ];
  const ready = slices
    .filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === 'weft-control-plane')
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false).length;
  lines.push(
    ready === 0
      ? error(
          'no replica is ready to answer webhooks: pods in injected namespaces cannot be created, nor Istio objects changed',
          'see the control plane above; to create pods without it: kubectl delete mutatingwebhookconfiguration weft-injector',
        )
      : ok(`webhooks reach ${ready} ready ${ready === 1 ? 'replica' : 'replicas'} through Service weft-control-plane`),
  );
  return lines;
}

function configurationLine(
  name: string,
  { webhooks = [] }: V1MutatingWebhookConfiguration | V1ValidatingWebhookConfiguration,
  root: string | undefined,
): Line {
  const advice = 'the leader writes it: see the control plane above, and its log';
  const bundles = webhooks.map(({ clientConfig }) =>
    Buffer.from(clientConfig.caBundle ?? '', 'base64').toString('utf8'),
  );
  if (bundles.some((bundle) => bundle.trim() === ''))
    return error(`${name} has no CA bundle: no call of it succeeds`, advice);
  if (root !== undefined && bundles.some((bundle) => bundle.trim() !== root.trim()))
    return error(`the CA bundle of ${name} is not the root of the mesh`, advice);
  const open = webhooks.filter(({ failurePolicy }) => failurePolicy !== 'Fail').map((one) => one.name);
  if (open.length > 0)
    return warning(
      `${name}: failurePolicy is not Fail (${some(open)}): while no replica answers, pods start without a sidecar`,
      'weft install | kubectl apply --server-side --force-conflicts -f -',
    );
  return ok(`${name}: fails closed, and trusts the root of the mesh`);
}

/** The root's remaining life, and whether everybody has it. Pure; `now` in ms. */
export function trustLines(
  root: string | undefined,
  bundles: readonly V1ConfigMap[],
  namespaces: readonly V1Namespace[],
  now: number,
): Line[] {
  if (root === undefined)
    return [
      error('there is no trust bundle istio-ca-root-cert yet', 'the leader writes it: see the control plane above'),
    ];
  const lines = [rootLine(root, now)];
  const known = new Map(bundles.map(({ metadata, data }) => [metadata?.namespace ?? '', data?.['root-cert.pem']]));
  const active = namespaces
    .filter(({ status }) => status?.phase !== 'Terminating')
    .map(({ metadata }) => metadata?.name ?? '');
  const wrong = active.filter((name) => known.get(name)?.trim() !== root.trim());
  lines.push(
    wrong.length === 0
      ? ok(`istio-ca-root-cert is right in ${active.length} namespaces`)
      : error(
          `istio-ca-root-cert is missing or wrong in: ${some(wrong)}`,
          'the leader writes it: see its log; another control plane that writes it too must go',
        ),
  );
  return lines;
}

function rootLine(root: string, now: number): Line {
  const parts = root.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    const ends = parts.map((part) => new Date(new X509Certificate(part).validTo).getTime());
    const days = Math.floor((Math.min(...ends) - now) / DAY_MS);
    const until = new Date(Math.min(...ends)).toISOString().slice(0, 10);
    const advice =
      'weft ca rotate-root replaces a root of Weft’s own; its --help says how to replace one of Secret cacerts';
    if (parts.length === 0) return error('the trust bundle holds no certificate', advice);
    if (days < 0) return error(`the root certificate ended on ${until}`, advice);
    if (days < ROOT_WARNING_DAYS) return warning(`the root certificate ends in ${days} days, on ${until}`, advice);
    return ok(`the root certificate is valid until ${until} (${days} days)`);
  } catch (cause) {
    return error(`the root certificate cannot be read: ${messageOf(cause)}`, 'see Secret weft-ca-secret or cacerts');
  }
}
