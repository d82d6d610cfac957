import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from '../../common/runtime/clock.js';
import { programVersion } from '../../common/runtime/version.js';
import { TYPE } from '../../common/xds/type-urls.js';
import type { Authority } from '../ca/authority.js';
import type { CaReport } from '../ca/report.js';
import type { CaEvents } from '../ca/service.js';
import type { Service } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { AdsEvents } from '../xds/server.js';
import type { ProxyStatus, ShortName } from '../xds/status.js';

const SHORT: Readonly<Record<string, string>> = {
  [TYPE.cluster]: 'cds',
  [TYPE.endpoint]: 'eds',
  [TYPE.listener]: 'lds',
  [TYPE.route]: 'rds',
};

function shortName(typeUrl: string): string {
  return SHORT[typeUrl] ?? 'other';
}

const SECONDS = [0.001, 0.01, 0.05, 0.1, 0.5, 1, 3, 5, 10, 30];

/** The control plane's own measurements, by the names that istiod's have. */
export class ControlPlaneMetrics {
  readonly registry = new Registry();

  private readonly connected = this.gauge('pilot_xds', 'Proxies connected by xDS.', ['data_plane']);
  private readonly pushes = this.counter('pilot_xds_pushes', 'xDS responses sent, by type.', ['type']);
  private readonly bytes = this.histogram(
    'pilot_xds_config_size_bytes',
    'Bytes of resources in a response.',
    ['type'],
    [1e3, 1e4, 1e5, 1e6, 4e6],
  );
  private readonly rejects = this.counter('pilot_total_xds_rejects', 'xDS responses that proxies refused, by type.', [
    'type',
  ]);
  private readonly internalErrors = this.counter(
    'pilot_total_xds_internal_errors',
    'Configurations that could not be made.',
    [],
  );
  private readonly expired = this.counter('pilot_xds_expired_nonce', 'Requests with a nonce that was overtaken.', [
    'type',
  ]);
  private readonly convergence = this.histogram(
    'pilot_proxy_convergence_time',
    'Seconds from a change to the last acknowledgement by a proxy.',
    [],
    SECONDS,
  );
  private readonly queueTime = this.histogram(
    'pilot_proxy_queue_time',
    'Seconds that a proxy waits before its configuration is made.',
    [],
    SECONDS,
  );
  private readonly pushTime = this.histogram(
    'pilot_xds_push_time',
    'Seconds in which all of a proxy’s configuration is made.',
    ['type'],
    SECONDS,
  );
  private readonly buildTime = this.histogram(
    'pilot_pushcontext_init_seconds',
    'Seconds in which the model of the mesh is built.',
    [],
    SECONDS,
  );
  private readonly debounceTime = this.histogram(
    'pilot_debounce_time',
    'Seconds that changes wait for others, so that they are taken together.',
    [],
    SECONDS,
  );
  private readonly triggers = this.counter('pilot_push_triggers', 'Changes that led to a push, by what changed.', [
    'type',
  ]);
  private readonly services = this.gauge('pilot_services', 'Services that are known.', []);
  private readonly virtualServices = this.gauge('pilot_virt_services', 'VirtualServices that are in force.', []);
  private served: readonly Service[] = [];
  private readonly rejectedConfigs = this.gauge('pilot_total_rejected_configs', 'Errors in the configuration.', []);
  private readonly csrs = this.counter('citadel_server_csr_count', 'Certificate requests received.', []);
  private readonly csrErrors = this.counter(
    'citadel_server_csr_parsing_err_count',
    'Certificate requests that could not be read or are too weak.',
    [],
  );
  private readonly signErrors = this.counter(
    'citadel_server_csr_sign_err_count',
    'Certificates that could not be signed.',
    [],
  );
  private readonly identityErrors = this.counter(
    'citadel_server_id_extraction_err_count',
    'Certificate requests for an identity other than the caller’s.',
    [],
  );
  private readonly authErrors = this.counter(
    'citadel_server_authentication_failure_count',
    'Callers of the CA that could not prove who they are.',
    [],
  );
  private readonly issued = this.counter('citadel_server_success_cert_issuance_count', 'Certificates issued.', []);

  constructor(private readonly clock: Clock) {
    collectDefaultMetrics({ register: this.registry });
    const started = clock.now();
    this.gauge('pilot_info', 'Version of this control plane.', ['version']).set({ version: programVersion() }, 1);
    const build = { component: 'pilot', tag: programVersion() };
    this.gauge('istio_build', 'What runs, and its release.', ['component', 'tag']).set(build, 1);
    this.computed(
      'istiod_uptime_seconds',
      'Seconds since the control plane started.',
      () => (clock.now() - started) / 1000,
    );
    this.computed('pilot_eds_no_instances', 'Services whose endpoints are known, and are none.', () => {
      const without = this.served.filter(
        ({ resolution, endpoints }) => resolution === 'static' && endpoints.length === 0,
      );
      return without.length;
    });
  }

  readonly ca: CaEvents = {
    requested: () => this.csrs.inc(),
    authenticationFailed: () => this.authErrors.inc(),
    csrUnreadable: () => this.csrErrors.inc(),
    identityRefused: () => this.identityErrors.inc(),
    signFailed: () => this.signErrors.inc(),
    issued: () => this.issued.inc(),
  };

  readonly xds: AdsEvents = {
    connected: ({ dataPlane }) => this.connected.inc({ data_plane: dataPlane }),
    disconnected: ({ dataPlane }) => this.connected.dec({ data_plane: dataPlane }),
    sent: (typeUrl, bytes) => {
      this.pushes.inc({ type: shortName(typeUrl) });
      this.bytes.observe({ type: shortName(typeUrl) }, bytes);
    },
    rejected: (_node, typeUrl) => this.rejects.inc({ type: shortName(typeUrl) }),
    expiredNonce: (typeUrl) => this.expired.inc({ type: shortName(typeUrl) }),
    accepted: () => undefined,
    converged: (ms) => this.convergence.observe(ms / 1000),
    internalError: () => this.internalErrors.inc(),
    generated: (waitedMs, tookMs) => {
      this.queueTime.observe(waitedMs / 1000);
      this.pushTime.observe({ type: 'all' }, tookMs / 1000);
    },
  };

  /** Changes have waited so long (ms) for others. */
  debounced(ms: number): void {
    this.debounceTime.observe(ms / 1000);
  }

  snapshotTaken({ services, virtualServices }: MeshSnapshot, errors: number, tookMs: number): void {
    this.triggers.inc({ type: 'config' });
    this.buildTime.observe(tookMs / 1000);
    this.services.set(services.length);
    this.virtualServices.set(virtualServices.all.length);
    this.served = services;
    this.rejectedConfigs.set(errors);
  }

  /** Tells when the authority's certificates end, as soon as there is one. */
  watchAuthority(authority: () => Pick<Authority, 'notAfter' | 'rootNotAfter'> | undefined): void {
    const ends = [
      ['root_cert', 'root certificate', () => authority()?.rootNotAfter],
      ['cert_chain', 'chain that signs certificates', () => authority()?.notAfter],
    ] as const;
    for (const [name, what, end] of ends) {
      const metric = `citadel_server_${name}_expiry`;
      const seconds = (from: number): number => ((end() ?? from) - from) / 1000;
      this.computed(`${metric}_timestamp`, `When the ${what} expires, in seconds since the epoch.`, () => seconds(0));
      this.computed(`${metric}_seconds`, `Seconds until the ${what} expires.`, () => seconds(this.clock.now()));
    }
  }

  /** Tells when every certificate of the authority ends, and how far a rotation of the root is. */
  watchRoots(report: () => CaReport | undefined): void {
    new Gauge({
      name: 'weft_ca_certificate_expiry_timestamp_seconds',
      help: 'When each root and intermediate certificate of the CA expires, in seconds since the epoch.',
      labelNames: ['kind', 'sha256'],
      registers: [this.registry],
      collect() {
        this.reset();
        const { roots = [], intermediates = [] } = report() ?? {};
        for (const [kind, all] of [['root', roots] as const, ['intermediate', intermediates] as const]) {
          for (const { sha256, notAfter } of all) {
            this.set({ kind, sha256: sha256.slice(0, 16) }, Date.parse(notAfter) / 1000);
          }
        }
      },
    });
    const steps = { trust: 1, sign: 2 } as const;
    const step = (): number => {
      const rotation = report()?.rotation;
      return rotation === undefined ? 0 : steps[rotation.step];
    };
    this.computed('weft_ca_rotation_step', 'Step of the root’s rotation: 0 none, 1 trusted, 2 signs.', step);
  }

  /** Counts the proxies that refuse something at the moment, by type, and those that have not acknowledged what is newest. */
  watch(proxies: () => readonly ProxyStatus[]): void {
    const stale = ({ types }: ProxyStatus): boolean => Object.values(types).some(({ status }) => status === 'STALE');
    this.computed(
      'weft_xds_stale_proxies',
      'Proxies that have not acknowledged the newest configuration.',
      () => proxies().filter(stale).length,
    );
    for (const type of ['CDS', 'EDS', 'LDS', 'RDS'] satisfies ShortName[]) {
      const refusing = (): number => proxies().filter(({ types }) => types[type].lastNack !== undefined).length;
      const name = `pilot_xds_${type.toLowerCase()}_reject`;
      this.computed(name, `Proxies that refuse a resource of ${type} at the moment.`, refusing);
    }
  }

  /** A gauge that is read when it is asked for. */
  private computed(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(value());
      },
    });
  }

  private counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  private gauge<L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  private histogram<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    buckets: number[],
  ): Histogram<L> {
    return new Histogram({ name, help, labelNames: [...labelNames], buckets, registers: [this.registry] });
  }
}
