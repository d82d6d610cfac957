import { serviceHost } from '../api/hosts.js';
import { type Kind, type KindSpecs, meshConfigOf, objectsOfKind, ROOT_NAMESPACE } from '../api/kinds/index.js';
import { workloadLabels } from '../api/labels.js';
import type { ConfigObject } from '../api/object.js';
import type { ConfigSet } from '../sources/source.js';
import { LabelIndex } from './labels.js';

type Labels = Readonly<Record<string, string>>;

export interface KnownService {
  readonly host: string;
  readonly namespace: string;
  readonly ports: readonly number[];
  readonly exportTo: readonly string[];
  /** Labels of the workloads behind it; undefined when they are not ours to know. */
  readonly workloads: readonly Labels[] | undefined;
}

export interface KnownWorkload {
  readonly namespace: string;
  readonly labels: Labels;
  /** `WorkloadEntry default/reviews-v1`. */
  readonly title: string;
}

/** What there is in a set of configuration, indexed for the questions that analysis asks. */
export class Registry {
  readonly set: ConfigSet;
  readonly #workloads: LabelIndex<KnownWorkload>;
  readonly #kinds = new Map<Kind, readonly ConfigObject[]>();
  readonly #services = new Map<string, KnownService>();
  readonly #wildcards: KnownService[] = [];
  #mesh: ReturnType<typeof meshConfigOf> | undefined;

  constructor(set: ConfigSet) {
    this.set = set;
    this.#workloads = new LabelIndex([
      ...this.all('WorkloadEntry').map((entry) => known(entry, workloadLabels(entry))),
      ...this.all('Pod').map((pod) => known(pod, pod.metadata.labels)),
    ]);
    for (const service of [...this.#coreServices(), ...this.#entryServices()]) {
      if (service.host.startsWith('*')) this.#wildcards.push(service);
      else if (!this.#services.has(service.host)) this.#services.set(service.host, service);
    }
  }

  all<K extends Kind>(kind: K): readonly ConfigObject<KindSpecs[K]>[] {
    const known = this.#kinds.get(kind);
    // Kept under its own kind, so it has that kind's spec.
    if (known !== undefined) return known as readonly ConfigObject<KindSpecs[K]>[];
    const found = objectsOfKind(this.set.objects, kind);
    this.#kinds.set(kind, found);
    return found;
  }

  /** The service of a full name, by itself or by a wildcard that covers it. */
  service(host: string): KnownService | undefined {
    return this.#services.get(host) ?? this.#wildcards.find((service) => hostCovers(service.host, host));
  }

  /** Whether a pattern (`*.example.com`, or a name) stands for at least one service. */
  matchesService(pattern: string): boolean {
    if (!pattern.startsWith('*')) return this.service(pattern) !== undefined;
    const hosts = [...this.#services.keys(), ...this.#wildcards.map(({ host }) => host)];
    return hosts.some((host) => hostCovers(pattern, host));
  }

  selected(namespace: string | undefined, selector: Labels): KnownWorkload[] {
    return this.#workloads.select(namespace, selector);
  }

  /** Sought once: it goes through all objects, and most checks ask for it about each. */
  get mesh(): ReturnType<typeof meshConfigOf> {
    this.#mesh ??= meshConfigOf(this.set.objects, this.set.rootNamespace);
    return this.#mesh;
  }

  get rootNamespace(): string {
    return this.mesh.rootNamespace ?? this.set.rootNamespace ?? ROOT_NAMESPACE;
  }

  #coreServices(): KnownService[] {
    return this.all('Service').map(({ metadata, spec }) => ({
      host: serviceHost(metadata.name, metadata.namespace),
      namespace: metadata.namespace,
      ports: (spec.ports ?? []).map(({ port }) => port),
      exportTo: metadata.annotations['networking.istio.io/exportTo']?.split(',').map((entry) => entry.trim()) ?? [],
      workloads: spec.selector === undefined ? undefined : this.#labels(metadata.namespace, spec.selector),
    }));
  }

  #entryServices(): KnownService[] {
    return this.all('ServiceEntry').flatMap(({ metadata, spec }) => {
      const selector = spec.workloadSelector?.labels;
      const endpoints = spec.endpoints?.map((endpoint) => endpoint.labels ?? {});
      const workloads = selector === undefined ? endpoints : this.#labels(metadata.namespace, selector);
      return spec.hosts.map((host) => ({
        host: host.toLowerCase(),
        namespace: metadata.namespace,
        ports: (spec.ports ?? []).map(({ number }) => number),
        exportTo: spec.exportTo ?? [],
        workloads,
      }));
    });
  }

  #labels(namespace: string, selector: Labels): Labels[] {
    return this.selected(namespace, selector).map(({ labels }) => labels);
  }
}

function known(object: ConfigObject, labels: Labels): KnownWorkload {
  const { namespace, name } = object.metadata;
  return { namespace, labels, title: `${object.kind} ${namespace}/${name}` };
}

/** Whether `pattern` (`*`, `*.example.com`, or a name) covers a host, or a narrower pattern. */
export function hostCovers(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*')) return pattern === host;
  const end = pattern.slice(1);
  const rest = host.startsWith('*') ? host.slice(1) : host;
  return rest.length >= end.length && rest.endsWith(end) && (host.startsWith('*') || host.length > end.length);
}

/** Whether something exported to these namespaces by an object of `owner` is seen in `client`. */
export function isExported(exportTo: readonly string[], owner: string, client: string): boolean {
  if (exportTo.length === 0) return true;
  return exportTo.some((entry) => entry === '*' || entry === client || (entry === '.' && owner === client));
}
