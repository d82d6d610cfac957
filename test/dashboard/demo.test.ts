import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { locateControlPlane } from '../../cli/mesh/locate.js';
import { DemoProcess } from '../support/demo-process.js';
import { browserOnPath, type DrawnEdge, drawnEdges, launch, type Opened, openDashboard } from './support/browser.js';

const chromium = browserOnPath();

const PATIENCE_MS = 90_000;

const FAULT = `      fault:
        abort:
          httpStatus: 503
          percentage:
            value: 60
      route:
        - destination: { host: reviews, subset: v1 }
          weight: 90`;

describe.skipIf(chromium === undefined)('the page of the demo', () => {
  let demo: DemoProcess;
  let browser: Browser;
  let opened: Opened;

  beforeAll(async () => {
    demo = new DemoProcess();
    browser = await launch(chromium ?? '');
    await demo.until('traffic', ({ requests }) => requests > 50, PATIENCE_MS);
    const { debugUrl } = locateControlPlane(demo.state);
    opened = await openDashboard(browser, debugUrl, '#window=15');
  });
  afterAll(async () => {
    await opened?.close();
    await browser?.close();
    await demo?.stop();
    await demo?.dispose();
  });

  it('shows its edges, secured by mTLS', async () => {
    const found = await until(opened.page, 'the edges of the demo', (edges) =>
      ['details-v1', 'reviews-v1', 'ratings-v1'].every((name) =>
        edges.some(({ target }) => target.endsWith(`/${name}`)),
      ),
    );
    expect(found.filter(({ protocol }) => protocol !== 'tcp').map(({ security }) => security)).not.toContain(
      'plaintext',
    );
  });

  it('shows how reviews is split', async () => {
    const found = await until(opened.page, 'two shares', (edges) => shares(edges).length >= 2);
    expect(shares(found).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 1);
  });

  it('turns a line red when its requests fail', async () => {
    const before = demo.read('routes.yaml');
    const after = before.replace(
      / {6}route:\n {8}- destination: \{ host: reviews, subset: v1 \}\n {10}weight: 90/,
      FAULT,
    );
    expect(after).not.toBe(before);
    demo.write('routes.yaml', after);
    const found = await until(opened.page, 'a red line', (edges) =>
      edges.some(({ health, target }) => health === 'failing' && target.includes('reviews')),
    );
    expect(found.some(({ marks }) => marks.includes('fault'))).toBe(true);
    demo.write('routes.yaml', before);
  });

  it('shows a lock on every line where a policy is STRICT', async () => {
    const before = demo.read('security.yaml');
    demo.write('security.yaml', before.replace('mode: PERMISSIVE', 'mode: STRICT'));
    const found = await until(opened.page, 'locks everywhere', (edges) => edges.every(isLocked));
    expect(found.map(({ target }) => target)).toContain('workload/default/ratings-v1');
    demo.write('security.yaml', before);
  });

  it('gives the browser nothing to complain about', () => {
    expect(opened.complaints).toEqual([]);
  });
});

function isLocked({ security }: DrawnEdge): boolean {
  return security === 'mtls';
}

function shares(edges: readonly DrawnEdge[]): number[] {
  return edges.flatMap(({ source, share }) =>
    source.startsWith('service/reviews') && share !== undefined ? [share] : [],
  );
}

async function until(
  page: Page,
  what: string,
  condition: (edges: readonly DrawnEdge[]) => boolean,
): Promise<readonly DrawnEdge[]> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const edges = await drawnEdges(page);
    if (condition(edges)) return edges;
    if (Date.now() > deadline) throw new Error(`${what} did not come about: ${JSON.stringify(edges)}`);
    await page.waitForTimeout(500);
  }
}
