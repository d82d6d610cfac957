import { messageOf } from '../../common/runtime/errors.js';
import { FollowedConfigMap, type FollowedConfigMapOptions } from './followed-config-map.js';
import {
  decodeInterventions,
  INTERVENTIONS_FILE,
  INTERVENTIONS_NAME,
  type Interventions,
  NO_INTERVENTIONS,
  type Occurrence,
} from './interventions.js';

export interface ClusterInterventionsOptions extends FollowedConfigMapOptions {
  readonly take: (interventions: Interventions) => void;
}

const MANAGER = 'weft-control-plane';

/** Follows the ConfigMap that `weft rollback` and `weft bypass` write with their user's own rights. Every replica does. */
export class ClusterInterventions {
  private readonly map: FollowedConfigMap;

  constructor(private readonly options: ClusterInterventionsOptions) {
    this.map = new FollowedConfigMap(options, INTERVENTIONS_NAME, INTERVENTIONS_FILE, () => this.look());
  }

  /** Resolves when what was left there is taken, or cannot be read for a while. Follows it until `signal` aborts. */
  async start(signal: AbortSignal): Promise<void> {
    await this.map.start(signal);
    this.look();
  }

  private look(): void {
    const { namespace, take, log } = this.options;
    const { text } = this.map;
    try {
      take(text === undefined ? NO_INTERVENTIONS : decodeInterventions(Buffer.from(text, 'base64')));
    } catch (error) {
      log.error(
        { configMap: `${namespace}/${INTERVENTIONS_NAME}`, reason: messageOf(error) },
        'what is in force stays',
      );
    }
  }
}

type EventOptions = Pick<ClusterInterventionsOptions, 'api' | 'namespace' | 'clock' | 'log'>;

/** Writes down in the cluster what happened: in the control plane's namespace, and in the one that it concerns. Never rejects. */
export async function writeEvents(options: EventOptions, occurrence: Occurrence): Promise<void> {
  const { namespace } = options;
  const { namespace: place } = occurrence;
  const own = { kind: 'ConfigMap', name: INTERVENTIONS_NAME, namespace };
  const theirs = { kind: 'Namespace', name: place, namespace: place };
  const told = place === '' || place === namespace ? [own] : [own, theirs];
  await Promise.all(told.map((involved) => writeEvent(options, occurrence, involved)));
}

async function writeEvent(
  { api, clock, log }: EventOptions,
  { reason, message }: Occurrence,
  involved: { readonly kind: string; readonly name: string; readonly namespace: string },
): Promise<void> {
  const { namespace } = involved;
  const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  const body = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: `${INTERVENTIONS_NAME}-`, namespace },
    involvedObject: { apiVersion: 'v1', ...involved },
    reason,
    message: message.slice(0, 1000),
    type: reason === 'RolledBack' || reason === 'Bypassed' ? 'Warning' : 'Normal',
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
    source: { component: MANAGER },
    reportingComponent: MANAGER,
  };
  try {
    await api.request({ method: 'POST', path: `/api/v1/namespaces/${namespace}/events`, body });
  } catch (error) {
    log.warn({ reason: messageOf(error) }, 'could not write an Event');
  }
}
