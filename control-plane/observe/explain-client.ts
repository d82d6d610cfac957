import type { ExplainedStep, Explanation } from '../../common/observe/explanation.js';
import type {
  ExplainedCertificate,
  ExplainedDecision,
  RouteExplanation,
} from '../../common/observe/route-explanation.js';
import { BLACK_HOLE_CLUSTER, parseClusterName } from '../../common/xds/names.js';
import { decisionStep } from './explain-server.js';

type Step = Omit<ExplainedStep, 'proxy' | 'side'>;

/** What the client's sidecar does, in its order, in words. */
export function clientSteps(
  proxy: string,
  route: RouteExplanation,
  side: ExplainedStep['side'] = 'client',
): ExplainedStep[] {
  const { decision, protocol } = route;
  return [
    listenerStep(route),
    chainStep(route),
    ...serverTlsSteps(route),
    ...(decision === undefined ? [] : [policyStep(decision, route)]),
    ...(protocol === 'tcp' && route.action === 'forward' && route.route === '' ? [] : [routeStep(route)]),
    ...faultSteps(route),
    ...(route.action === 'forward'
      ? [
          ...clusterSteps(route),
          ...(protocol === 'tcp' ? [] : [retryStep(route)]),
          ...mirrorSteps(route),
          ...tlsSteps(route),
        ]
      : []),
  ].map((step) => ({ ...step, proxy, side }));
}

/** What the caller gets without anybody being asked; undefined where it is passed on. */
export function locally(route: RouteExplanation): Pick<Explanation, 'verdict' | 'summary'> | undefined {
  const { action, status, fault, clusters, refusal, chain, decision, protocol } = route;
  if (chain === '') return { verdict: 'fails', summary: 'No filter chain takes it: the connection is closed (NR).' };
  if (refusal !== undefined) return { verdict: 'fails', summary: `The connection fails: ${refusal}.` };
  if (decision?.decision === 'denied')
    return {
      verdict: 'refused',
      summary: `It is refused by ${protocol === 'tcp' ? 'closing the connection' : '403'}: ${decision.because}.`,
    };
  if (action === 'none') return { verdict: 'fails', summary: 'No route takes it: the caller gets 404 (NR).' };
  if (fault?.abort !== undefined && fault.abortPercent === 100)
    return { verdict: 'fails', summary: `A fault is injected: the caller gets ${fault.abort} (FI).` };
  if (action === 'redirect') return { verdict: 'allowed', summary: `The sidecar redirects it (${status ?? 301}).` };
  if (action === 'direct-response')
    return { verdict: 'allowed', summary: `The sidecar answers ${status ?? 200} itself.` };
  const reached = clusters.filter(({ percent }) => percent > 0);
  if (
    reached.length > 0 &&
    reached.every(({ hosts }) => !hosts.some(({ healthy }) => healthy)) &&
    reached.every(({ name }) => name.startsWith('outbound|'))
  )
    return {
      verdict: 'fails',
      summary: `No healthy endpoint is left: ${protocol === 'tcp' ? 'the connection is closed' : 'the caller gets 503'} (UH).`,
    };
  if (reached.length > 0 && reached.every(({ name }) => name === BLACK_HOLE_CLUSTER))
    return {
      verdict: 'fails',
      summary: 'The mesh does not know where it goes, and lets nothing out that it does not know.',
    };
  return undefined;
}

function listenerStep({ listener, captured }: RouteExplanation): Step {
  const detail =
    captured === undefined
      ? ''
      : captured.listener === listener
        ? `Nothing else stands for ${captured.destination}, where the connection was going.`
        : `${captured.listener} hands it over, since the connection was going to ${captured.destination}.`;
  return { what: 'listener', outcome: 'ok', title: listener, detail, objects: [] };
}

function chainStep({ chain, chainMatch, refusal, table, protocol }: RouteExplanation): Step {
  const step = { what: 'filter chain', objects: [] } as const;
  if (chain === '') return { ...step, outcome: 'refused', title: 'None takes it', detail: 'The connection is closed.' };
  const matched = chainMatch === '' || chainMatch === '{}' ? '' : `It takes connections with ${chainMatch}. `;
  if (refusal !== undefined) return { ...step, outcome: 'refused', title: chain, detail: `${matched}But ${refusal}.` };
  const use = table !== '' ? `Its routes are ${table}.` : protocol === 'tcp' ? 'It relays bytes.' : '';
  return { ...step, outcome: 'ok', title: chain, detail: `${matched}${use}`.trim() };
}

function serverTlsSteps({ tls }: RouteExplanation): Step[] {
  if (tls === undefined) return [];
  const parts = tls.certificates.map(certificateText);
  const missing = tls.certificates.some(({ notAfter }) => notAfter === undefined);
  return [
    {
      what: 'tls',
      outcome: missing ? 'refused' : 'ok',
      title: `TLS ends here, ${tls.mode}`,
      detail: parts.length === 0 ? '' : `Shown is ${parts.join(', or ')}.`,
      objects: [],
    },
  ];
}

function certificateText({ secret, names, notAfter }: ExplainedCertificate): string {
  if (notAfter === undefined) return `${secret}, which the proxy does not have`;
  return `${secret} for ${names.join(', ') || 'no name'}, good until ${new Date(notAfter).toISOString()}`;
}

function policyStep(decision: ExplainedDecision, { protocol }: RouteExplanation): Step {
  const { title, ...step } = decisionStep(decision);
  return {
    ...step,
    title: `${title} at port ${decision.port}${protocol === 'tcp' ? '' : ', as somebody without an identity'}`,
  };
}

function routeStep({ action, virtualHost, route, matched, config, timeoutMs, status }: RouteExplanation): Step {
  if (action === 'none')
    return { what: 'route', outcome: 'refused', title: 'No route matches', detail: '', objects: [] };
  const answer = action === 'forward' ? '' : ` It is answered here: ${action} ${status ?? ''}.`;
  const timeout = action === 'forward' ? ` Timeout: ${timeoutMs === 0 ? 'none' : `${timeoutMs} ms`}.` : '';
  return {
    what: 'route',
    outcome: 'ok',
    title: `${route} of ${virtualHost}`,
    detail: `It takes requests with ${matched}.${timeout}${answer}`,
    objects: objectOf(config),
  };
}

function objectOf(config: string): ExplainedStep['objects'] {
  const [, namespace = '', name = ''] = /\/namespaces\/([^/]+)\/virtual-service\/([^/]+)$/.exec(config) ?? [];
  return name === '' ? [] : [{ kind: 'VirtualService', namespace, name }];
}

function faultSteps({ fault, config }: RouteExplanation): Step[] {
  if (fault === undefined) return [];
  const { delayMs, delayPercent = 0, abort, abortPercent = 0 } = fault;
  const parts = [
    ...(delayMs === undefined ? [] : [`${delayPercent} % are delayed by ${delayMs} ms`]),
    ...(abort === undefined ? [] : [`${abortPercent} % are answered with ${abort}`]),
  ];
  const outcome = abortPercent === 100 ? 'refused' : 'note';
  return [{ what: 'fault', outcome, title: parts.join(', '), detail: '', objects: objectOf(config) }];
}

function clusterSteps({ clusters }: RouteExplanation): Step[] {
  return clusters.map(({ name, percent, hosts }) => {
    const { host = name, subset = '', port } = parseClusterName(name) ?? {};
    const healthy = hosts.filter((one) => one.healthy);
    return {
      what: 'cluster',
      outcome: hosts.length > 0 && healthy.length === 0 ? ('refused' as const) : ('ok' as const),
      title: `${host}${port === undefined ? '' : `:${port}`}${subset === '' ? '' : `, subset ${subset}`}, ${Math.round(percent * 10) / 10} %`,
      detail: `${healthy.length} of ${hosts.length} hosts are healthy: ${
        hosts
          .map(({ address }) => address)
          .slice(0, 8)
          .join(', ') || 'none'
      }.`,
      objects: [],
    };
  });
}

function retryStep({ retries, retryOn, perTryTimeoutMs }: RouteExplanation): Step {
  const title = retries === 0 ? 'Not retried' : `Up to ${retries} ${retries === 1 ? 'retry' : 'retries'}`;
  const limit = perTryTimeoutMs === 0 ? '' : `; ${perTryTimeoutMs} ms for each try`;
  return {
    what: 'retry',
    outcome: 'ok',
    title,
    detail: retries === 0 ? '' : `On ${retryOn.join(', ')}${limit}.`,
    objects: [],
  };
}

function mirrorSteps({ mirrors }: RouteExplanation): Step[] {
  return mirrors.map(({ cluster, percent }) => ({
    what: 'mirror',
    outcome: 'note',
    title: `${percent} % are copied to ${cluster}`,
    detail: '',
    objects: [],
  }));
}

function tlsSteps({ clusters }: RouteExplanation): Step[] {
  const hosts = clusters.flatMap((cluster) => cluster.hosts);
  const own = clusters.flatMap(({ tls }) => (tls === undefined ? [] : [tls]));
  const [first] = own;
  if (first !== undefined && !hosts.some(({ mtls }) => mtls)) {
    const named = first.serverName === '' ? '' : ` The server name is ${first.serverName}.`;
    const shown = first.certificates.map(certificateText);
    const detail = `The proxy begins it.${named}${shown.length === 0 ? '' : ` Shown is ${shown.join(', or ')}.`}`;
    return [{ what: 'tls', outcome: 'ok', title: `TLS, ${first.mode}`, detail, objects: [] }];
  }
  if (hosts.length === 0) return [];
  const secured = hosts.filter(({ mtls }) => mtls).length;
  const title =
    secured === hosts.length ? 'mTLS of the mesh' : secured === 0 ? 'Not the mTLS of the mesh' : 'mTLS to some hosts';
  return [{ what: 'tls', outcome: 'ok', title, detail: `${secured} of ${hosts.length} hosts take it.`, objects: [] }];
}
