import { hostname } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { KEY_KINDS, type KeyKind, keyKindOf } from '../../common/identity/keys.js';
import type { KubernetesConfig } from '../../control-plane/kubernetes-config.js';
import { UsageError } from '../command.js';
import { version } from '../installation.js';
import { parseDurationOption } from '../output/duration.js';
import { existingFolder } from '../output/folder.js';

interface Options {
  readonly kubernetes?: true;
  readonly config?: string;
  readonly state?: string;
  readonly namespace?: string;
  readonly clusterDomain?: string;
  readonly listen?: string;
  readonly xdsPort?: number;
  readonly plaintextXdsPort?: number;
  readonly xdsCompression?: boolean;
  readonly debugPort?: number;
  readonly webhookPort?: number;
  readonly prometheus?: string;
  readonly certTtl?: number;
  readonly maxCertTtl?: number;
  readonly workloadKey?: KeyKind;
  readonly rootKey?: KeyKind;
  readonly rootTtl?: number;
  readonly rotateRootEvery?: number;
  readonly rotationSettle?: number;
  readonly caSigner?: string;
  readonly caSignerRoots?: string;
  readonly shutdownDelay?: number;
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535; 0 takes a free one.');
  return value;
}

/** Empty, as an installation without one has it in its environment: none, for which commander has no other value. */
function parseUrl(text: string): string {
  if (text !== '' && (!URL.canParse(text) || !/^https?:/.test(text)))
    throw new InvalidArgumentError('A URL such as http://prometheus:9090.');
  return text;
}

function prometheusOf({ prometheus = '' }: Options): { readonly prometheus?: string } {
  return prometheus === '' ? {} : { prometheus };
}

const HELP = `
On a machine, --config and --state are required; everything listens on loopback.
With --kubernetes, configuration comes from the API server (of the pod, or of KUBECONFIG), everything listens on all
addresses, and any number of replicas may run: one of them leads. Options go before the environment:
  POD_NAME, POD_NAMESPACE          this pod; the namespace is the root of the mesh's configuration
  DEFAULT_WORKLOAD_CERT_TTL, MAX_WORKLOAD_CERT_TTL    as istiod's: 24h, 2160h
  WEFT_LOG_LEVEL                   debug, info, warn, error

Examples:
  weft control-plane --config ./mesh --state ./mesh-state --xds-port 15012 --debug-port 15014
  weft control-plane --kubernetes
  weft control-plane --kubernetes --ca-signer k8s:clusterissuers.cert-manager.io/mesh --ca-signer-roots /etc/ca/root-cert.pem
  KUBECONFIG=~/.kube/config weft control-plane --kubernetes --listen 127.0.0.1 --cert-ttl 1h`;

/** `weft control-plane`: configuration from a folder or a cluster, xDS and certificates to sidecars. */
export function configure(command: Command): void {
  command
    .option('--config <dir>', 'folder of YAML, watched', existingFolder)
    .option('--state <dir>', 'where the root key, tokens and ports are kept')
    .option('--kubernetes', 'run as a part of a cluster')
    .addOption(new Option('--namespace <name>', 'in a cluster: the control plane’s own').env('POD_NAMESPACE'))
    .option('--cluster-domain <domain>', 'in a cluster: DNS domain of its services (default: cluster.local)')
    .option('--listen <address>', 'in a cluster: address to listen on (default: all)')
    .option('--xds-port <port>', 'xDS and CA over TLS; 0 takes a free port (default: 0, in a cluster 15012)', port)
    .option('--plaintext-xds-port <port>', 'xDS without TLS on loopback, for proxyless gRPC clients', port)
    .option('--no-xds-compression', 'send xDS as it is, also to sidecars that read it compressed')
    .option('--debug-port <port>', 'metrics, readiness and debug (default: 0, in a cluster 15014)', port)
    .option('--webhook-port <port>', 'in a cluster: injection and validation (default: 15017)', port)
    .addOption(
      new Option('--cert-ttl <time>', 'lifetime of workload certificates, 10s or more (default: 24h)')
        .env('DEFAULT_WORKLOAD_CERT_TTL')
        .argParser(parseDurationOption),
    )
    .addOption(
      new Option('--max-cert-ttl <time>', 'in a cluster: the longest that a workload may ask for (default: 2160h)')
        .env('MAX_WORKLOAD_CERT_TTL')
        .argParser(parseDurationOption),
    )
    .option(
      '--workload-key <kind>',
      `on a machine: keys of workloads: ${KEY_KINDS.join(', ')} (default: P-256)`,
      keyKind,
    )
    .option('--root-key <kind>', 'key of a root that is made here (default: P-256)', keyKind)
    .option('--root-ttl <time>', 'life of a root that is made here (default: 87600h)', parseDurationOption)
    .option(
      '--rotate-root-every <time>',
      'replace a root of our own that is older, without downtime (default: only when asked)',
      parseDurationOption,
    )
    .option(
      '--rotation-settle <time>',
      'a rotation waits so long for proxies that lost their connection (default: 40s)',
      parseDurationOption,
    )
    .addOption(
      new Option(
        '--ca-signer <k8s:name>',
        'in a cluster: workload certificates are signed by this signer of the Kubernetes CSR API',
      ).env('CA_SIGNER'),
    )
    .addOption(
      new Option('--ca-signer-roots <file>', 'PEM roots of what that signer signs; read again when it changes').env(
        'CA_SIGNER_ROOTS',
      ),
    )
    .option(
      '--shutdown-delay <time>',
      'in a cluster: proxies are served so long after SIGTERM (default: 3s)',
      parseDurationOption,
    )
    .addOption(
      new Option('--prometheus <url>', 'read numbers about traffic from this Prometheus, not from the sidecars')
        .env('WEFT_PROMETHEUS')
        .argParser(parseUrl),
    )
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const main = await import('../../control-plane/main.js');
      if (options.kubernetes === true) await main.mainInCluster(await clusterConfig(options));
      else await main.main(folderConfig(options));
    });
}

function folderConfig(options: Options): Parameters<typeof import('../../control-plane/main.js')['main']>[0] {
  const { config, state } = options;
  if (config === undefined || state === undefined) {
    throw new UsageError('--config DIR and --state DIR are required, or --kubernetes');
  }
  return {
    configDir: config,
    stateDir: state,
    host: '127.0.0.1',
    xdsPort: options.xdsPort ?? 0,
    ...(options.plaintextXdsPort === undefined ? {} : { plaintextXdsPort: options.plaintextXdsPort }),
    compressXds: options.xdsCompression ?? true,
    debugPort: options.debugPort ?? 0,
    certTtlSeconds: seconds(options.certTtl) ?? 86_400,
    ...prometheusOf(options),
    ...(options.workloadKey !== undefined && { workloadKey: options.workloadKey }),
    ...rootOf(options),
  };
}

async function clusterConfig(options: Options): Promise<KubernetesConfig> {
  const { anyAddress, checkKubernetesConfig, KUBERNETES_DEFAULTS, readSigner } = await import(
    '../../control-plane/kubernetes-config.js'
  );
  if (options.config !== undefined || options.state !== undefined) {
    throw new UsageError('--kubernetes takes neither --config nor --state: its configuration is in the cluster');
  }
  const { plaintextXdsPort, caSigner = '', caSignerRoots = '' } = options;
  if (caSigner !== '' && caSignerRoots === '') {
    throw new UsageError('--ca-signer needs --ca-signer-roots FILE');
  }
  return checkKubernetesConfig({
    namespace: options.namespace ?? KUBERNETES_DEFAULTS.namespace,
    podName: process.env['POD_NAME'] ?? hostname(),
    version: version(),
    clusterDomain: options.clusterDomain ?? KUBERNETES_DEFAULTS.clusterDomain,
    host: options.listen ?? anyAddress(),
    xdsPort: options.xdsPort ?? KUBERNETES_DEFAULTS.xdsPort,
    ...(plaintextXdsPort === undefined ? {} : { plaintextXdsPort }),
    compressXds: options.xdsCompression ?? true,
    debugPort: options.debugPort ?? KUBERNETES_DEFAULTS.debugPort,
    webhookPort: options.webhookPort ?? KUBERNETES_DEFAULTS.webhookPort,
    ...prometheusOf(options),
    certTtlSeconds: seconds(options.certTtl) ?? KUBERNETES_DEFAULTS.certTtlSeconds,
    maxCertTtlSeconds: seconds(options.maxCertTtl) ?? KUBERNETES_DEFAULTS.maxCertTtlSeconds,
    shutdownDelayMs: options.shutdownDelay ?? KUBERNETES_DEFAULTS.shutdownDelayMs,
    ...(caSigner !== '' && { caSigner: { signerName: readSigner(caSigner), rootsPath: caSignerRoots } }),
    ...rootOf(options),
  });
}

/** What both kinds of control plane are told about their root. */
function rootOf({
  rootKey,
  rootTtl,
  rotateRootEvery,
  rotationSettle,
}: Options): Pick<KubernetesConfig, 'root' | 'rotation'> {
  return {
    root: { ...(rootKey !== undefined && { keyKind: rootKey }), ...(rootTtl !== undefined && { lifeMs: rootTtl }) },
    rotation: {
      ...(rotateRootEvery !== undefined && { everySeconds: rotateRootEvery / 1000 }),
      settleSeconds: (rotationSettle ?? 40_000) / 1000,
    },
  };
}

function keyKind(text: string): KeyKind {
  const kind = keyKindOf(text);
  if (kind === undefined) throw new InvalidArgumentError(`One of ${KEY_KINDS.join(', ')}.`);
  return kind;
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms / 1000);
}
