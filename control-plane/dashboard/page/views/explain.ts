import type { ExplainedStep, Explanation } from '../../../../common/observe/explanation.js';
import type { Graph } from '../../../../common/observe/graph.js';
import { ApiError, getJson } from '../api.js';
import { fill, h } from '../dom.js';
import { objectLink } from '../panel/objects.js';
import { pill } from '../panel/parts.js';

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'];

/** A form for a request that nobody sends, and what the mesh would do with it. */
export class ExplainView {
  private readonly from = h('select', { name: 'from', required: true });
  private readonly hosts = h('datalist', { id: 'explain-hosts' });
  private readonly result = h('div', { class: 'explanation', role: 'status' });
  private known = '';

  constructor(element: HTMLElement) {
    const field = (label: string, control: HTMLElement, hint?: string): HTMLElement =>
      h('label', {}, h('span', {}, label), control, hint !== undefined && h('small', { class: 'muted' }, hint));
    const form = h(
      'form',
      { class: 'explain', on: { submit: (event) => this.submit(event) } },
      field('From', this.from),
      field('Method', h('select', { name: 'method' }, ...METHODS.map((method) => h('option', {}, method)))),
      field(
        'To',
        h('input', {
          name: 'url',
          required: true,
          placeholder: 'http://reviews:9080/reviews/1',
          list: 'explain-hosts',
          autocomplete: 'off',
          spellcheck: 'false',
        }),
      ),
      field(
        'Headers',
        h('textarea', { name: 'headers', rows: 3, placeholder: 'end-user: jason', spellcheck: 'false' }),
        'one a line',
      ),
      h('button', { class: 'primary' }, 'Explain'),
      this.hosts,
    );
    fill(
      element,
      h('h2', {}, 'What would happen to a request?'),
      h(
        'p',
        { class: 'muted' },
        'Nothing is sent: the proxies’ own matchers are asked. A gateway is asked as by its clients.',
      ),
      form,
      this.result,
    );
  }

  /** Brings the choices up to date. */
  show(graph: Graph): void {
    const workloads = graph.nodes.flatMap((node) =>
      node.kind === 'workload' && node.meshed
        ? [`${node.gateway ? 'gateway/' : ''}${node.namespace}/${node.name}`]
        : [],
    );
    const hosts = graph.nodes.flatMap((node) => (node.kind === 'service' ? [node.host] : []));
    const key = [...workloads, '', ...hosts].join('\n');
    if (key === this.known) return;
    this.known = key;
    const chosen = this.from.value;
    fill(this.from, ...workloads.sort().map((name) => h('option', { value: name, selected: name === chosen }, name)));
    fill(this.hosts, ...hosts.map((host) => h('option', { value: `http://${host}/` })));
  }

  private submit(event: Event): void {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const text = (name: string): string => String(form.get(name) ?? '');
    void this.ask({ from: text('from'), method: text('method'), url: text('url') }, text('headers').split('\n'));
  }

  private async ask(request: Readonly<Record<string, string>>, headers: readonly string[]): Promise<void> {
    fill(this.result, h('p', { class: 'muted' }, 'Asking the sidecars …'));
    try {
      const header = headers.map((line) => line.trim()).filter((line) => line !== '');
      fill(this.result, explanation(await getJson<Explanation>('explain', { ...request, header })));
    } catch (error) {
      const unknown = error instanceof ApiError && error.status === 404;
      fill(
        this.result,
        h(
          'p',
          { class: 'alarm' },
          unknown ? 'This control plane does not explain requests.' : (error as Error).message,
        ),
      );
    }
  }
}

function explanation({ verdict, summary, steps, notes }: Explanation): HTMLElement {
  const tone = { allowed: 'good', refused: 'failing', fails: 'failing', unknown: 'degraded' }[verdict];
  return h(
    'div',
    {},
    h('p', { class: 'verdict' }, pill(verdict, tone), ` ${summary}`),
    h('ol', { class: 'steps' }, ...steps.map(step)),
    ...notes.map((note) => h('p', { class: 'muted' }, note)),
  );
}

function step({ proxy, side, what, outcome, title, detail, objects }: ExplainedStep): HTMLElement {
  const tone = { ok: 'good', refused: 'failing', note: 'idle' }[outcome];
  return h(
    'li',
    { class: tone },
    h('p', { class: 'kind' }, `${what} · ${side === 'gateway' ? 'gateway' : `${side}’s proxy`} ${proxy}`),
    h('h4', {}, title),
    detail !== '' && h('p', {}, detail),
    objects.length > 0 && h('p', {}, ...objects.map(objectLink)),
  );
}
