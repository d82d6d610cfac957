import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Graph } from '../../common/observe/graph.js';
import { browserOnPath, drawnEdges, launch, openDashboard } from './support/browser.js';
import { bookinfo, type Fixture, large } from './support/fixture.js';
import { edge, golden, service, workload } from './support/graph-parts.js';
import { FixtureServer } from './support/server.js';

const chromium = browserOnPath();
if (chromium === undefined) process.stderr.write('the page is not tested: there is no chromium on PATH\n');

const RATINGS = 'workload/default/reviews-v2>workload/default/ratings-v1>http';

describe.skipIf(chromium === undefined)('the page', () => {
  const server = new FixtureServer(bookinfo());
  let browser: Browser;

  beforeAll(async () => {
    await server.start();
    browser = await launch(chromium ?? '');
  });
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  it('draws who talks to whom, with health, locks and shares, and the browser has nothing to complain about', async () => {
    server.fixture = bookinfo();
    const { page, complaints, close } = await openDashboard(browser, server.url);
    const edges = await drawnEdges(page);
    const to = (source: string, target: string): (typeof edges)[number] | undefined =>
      edges.find((one) => one.source.endsWith(source) && one.target.endsWith(target));
    expect(to('/reviews-v2', '/ratings-v1')).toMatchObject({
      health: 'failing',
      security: 'mtls',
      marks: ['circuit-broken', 'ejected'],
    });
    expect(to('/reviews-v3', '/ratings-v1')).toMatchObject({ health: 'good', security: 'plaintext' });
    expect(to('reviews.default.svc.cluster.local', '/reviews-v1')?.share).toBeCloseTo(0.855, 2);
    expect(
      edges
        .filter(({ target }) => target.endsWith('/details-v1'))
        .map(({ protocol }) => protocol)
        .sort(),
    ).toEqual(['grpc', 'http']);
    expect(complaints).toEqual([]);
    await close();
  });

  it('keeps what is inline, foreign or framed out, and can be kept by the browser', async () => {
    const index = await fetch(`${server.url}/dashboard/`);
    const policy = index.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toContain('unsafe');
    expect(index.headers.get('x-frame-options')).toBe('DENY');
    const html = await index.text();
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|https?:\/\//);
    const main = /src="(assets\/[^"]+\/main\.js)"/.exec(html)?.[1];
    const script = await fetch(`${server.url}/dashboard/${main}`);
    expect(script.headers.get('cache-control')).toContain('immutable');
    expect(script.headers.get('content-encoding')).toBe('gzip');
  });

  it('shows names as they are, whatever is in them', async () => {
    const evil = '<img src=x onerror=alert(1)>';
    const [caller, called] = [workload('caller', 'caller', 'v1', golden(0)), workload('called', evil, evil, golden(2))];
    const host = { ...service('called', [called], golden(2)), name: evil };
    const nodes = [caller, { ...called, name: evil }, host];
    server.fixture = {
      ...bookinfo(),
      graph: { ...bookinfo().graph, nodes, edges: [edge(caller, called, host, golden(2))], splits: [] },
    };
    const { page, complaints, close } = await openDashboard(browser, server.url, '#view=list');
    expect(await page.getByRole('button', { name: evil }).count()).toBeGreaterThan(0);
    expect(await page.locator('#main img').count()).toBe(0);
    expect(complaints).toEqual([]);
    await close();
  });

  it('says in red that somebody has taken the mesh out of its configuration’s hands', async () => {
    server.fixture = bookinfo();
    const clean = await openDashboard(browser, server.url);
    expect(await clean.page.getByText('weft bypass --lift').count()).toBe(0);
    await clean.close();
    const by = { time: Date.now(), by: 'ana' };
    server.state = {
      id: '1',
      version: 'f00d',
      rollback: { ...by, version: 'beef', differs: [] },
      bypasses: [{ ...by, namespace: 'default', workload: 'reviews-v2', mtls: true }],
    };
    const { page, complaints, close } = await openDashboard(browser, server.url);
    await page.getByText('weft bypass --lift').waitFor();
    await page.getByText('weft resume').waitFor();
    expect(complaints).toEqual([]);
    server.state = { id: '', version: 'f00d', bypasses: [] };
    await close();
  });

  it('opens a line: signals, failed requests in plain words, configuration with its findings', async () => {
    server.fixture = bookinfo();
    const { page, complaints, close } = await openDashboard(
      browser,
      server.url,
      `#open=${encodeURIComponent(RATINGS)}`,
    );
    const panel = page.locator('#panel');
    await panel.getByText('A circuit breaker was open').first().waitFor();
    await panel.getByText('An authorization policy refused it').waitFor();
    expect(await panel.locator('.uplot canvas').count()).toBe(2);
    await panel.getByRole('button', { name: 'VirtualService default/reviews' }).click();
    await page.locator('dialog .marked').getByText('IST0101').waitFor();
    expect(complaints).toEqual([]);
    await close();
  });

  it('opens a workload: open connections, and what its proxy refuses', async () => {
    server.fixture = bookinfo();
    const { page, complaints, close } = await openDashboard(
      browser,
      server.url,
      `#open=${encodeURIComponent('workload/default/details-v1')}`,
    );
    const panel = page.locator('#panel');
    await panel.locator('.tile', { hasText: 'connections open' }).getByText('12', { exact: true }).waitFor();
    await panel.getByText('details-v1 refuses 0.0.0.0_9080').waitFor();
    await panel.getByText('filter "envoy.filters.http.wasm" is not supported').waitFor();
    expect(complaints).toEqual([]);
    await close();
  });

  it('can be used with the keyboard alone', async () => {
    server.fixture = bookinfo();
    const { page, close } = await openDashboard(browser, server.url);
    // A box that was ticked has the focus, and takes no letters.
    await page.getByLabel('hide idle').click();
    await page.keyboard.press('/');
    await page.keyboard.type('ratings-v1');
    await page.waitForFunction(() =>
      (globalThis as unknown as { weft: { drawn: { nodes: { found: boolean }[] } } }).weft.drawn.nodes.some(
        ({ found }) => found,
      ),
    );
    await page.keyboard.press('Escape');
    await page.locator('#stage').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.locator('#panel h2').waitFor();
    await page.keyboard.press('Escape');
    expect(await page.locator('#panel').isVisible()).toBe(false);
    await close();
  });

  it('leaves nodes where they are when one comes', async () => {
    server.fixture = bookinfo();
    const { page, close } = await openDashboard(browser, server.url);
    const before = await page.evaluate(() => (globalThis as unknown as { weft: { places: unknown } }).weft.places);
    server.fixture = withOneMore(bookinfo());
    await page.waitForFunction(() =>
      (globalThis as unknown as { weft: { drawn: { nodes: { id: string }[] } } }).weft.drawn.nodes.some(({ id }) =>
        id.endsWith('/newcomer'),
      ),
    );
    const after = await page.evaluate(() => (globalThis as unknown as { weft: { places: unknown } }).weft.places);
    expect(after).toMatchObject(before as object);
    await close();
  });

  it('stays usable with 300 workloads', async () => {
    const fixture = large(300);
    server.fixture = fixture;
    const { page, complaints, close } = await openDashboard(browser, server.url, '#group=namespace');
    expect((await drawnEdges(page)).length).toBeGreaterThan(300);
    const before = await placesOf(page);
    expect(Object.keys(before)).toHaveLength(300);
    const stage = await page.locator('#stage').boundingBox();
    await page.mouse.move((stage?.x ?? 0) + 300, (stage?.y ?? 0) + 300);
    for (const delta of [-240, 240, -480]) await page.mouse.wheel(0, delta);

    server.fixture = { ...fixture, graph: withErrors(fixture.graph) };
    await page.waitForFunction(() =>
      (globalThis as unknown as Drawing).weft.drawn.nodes.every(({ health }) => health === 'failing'),
    );
    expect(await placesOf(page)).toEqual(before);

    await page.keyboard.press('/');
    await page.keyboard.type('service-137');
    await page.waitForFunction(() => (globalThis as unknown as Drawing).weft.drawn.nodes.length < 20);
    await page.keyboard.press('Escape');
    await page.locator('#stage').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.locator('#panel h2').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('#panel').waitFor({ state: 'hidden' });
    expect(await placesOf(page)).toEqual(before);
    expect(complaints).toEqual([]);
    await close();
  });
});

/** What the page tells of itself. */
interface Drawing {
  readonly weft: {
    readonly places: Readonly<Record<string, { readonly x: number; readonly y: number }>>;
    readonly drawn: { readonly nodes: readonly { readonly health: string }[] };
  };
}

function placesOf(page: Page): Promise<Drawing['weft']['places']> {
  return page.evaluate(() => (globalThis as unknown as Drawing).weft.places);
}

function withErrors(graph: Graph): Graph {
  const nodes = graph.nodes.map((node) =>
    node.kind === 'workload'
      ? { ...node, inbound: { ...node.inbound, requests: 100, errors: 50, errorShare: 0.5 } }
      : node,
  );
  return { ...graph, nodes };
}

function withOneMore(fixture: Fixture): Fixture {
  const { graph } = fixture;
  const newcomer = workload('newcomer', 'newcomer', 'v1', golden(1));
  const host = service('newcomer', [newcomer], golden(1));
  const caller = graph.nodes.find(({ id }) => id === 'workload/default/productpage-v1');
  if (caller === undefined) throw new Error('the fixture has no productpage');
  const more: Graph = {
    ...graph,
    nodes: [...graph.nodes, newcomer, host],
    edges: [...graph.edges, edge(caller, newcomer, host, golden(1))],
  };
  return { ...fixture, graph: more };
}
