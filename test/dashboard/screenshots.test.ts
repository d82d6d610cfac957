import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkout } from '../support/demo-process.js';
import { browserOnPath, launch, openDashboard } from './support/browser.js';
import { bookinfo, large } from './support/fixture.js';
import { FixtureServer } from './support/server.js';

const chromium = browserOnPath();
/** Pictures are written where this says, `docs/images` for those of the documentation. */
const folder = process.env['WEFT_SCREENSHOTS'];

const SHOTS = [
  { name: 'dashboard-light', hash: '', colorScheme: 'light' },
  {
    name: 'dashboard-dark',
    hash: '#open=workload%2Fdefault%2Freviews-v2%3Eworkload%2Fdefault%2Fratings-v1%3Ehttp',
    colorScheme: 'dark',
  },
  { name: 'dashboard-node', hash: '#open=service%2Freviews.default.svc.cluster.local', colorScheme: 'light' },
  {
    name: 'dashboard-phone',
    hash: '',
    colorScheme: 'light',
    viewport: { width: 390, height: 800 },
    deviceScaleFactor: 2,
  },
  { name: 'dashboard-changes', hash: '#view=changes', colorScheme: 'light' },
  { name: 'dashboard-explain', hash: '#view=explain', colorScheme: 'dark' },
  { name: 'dashboard-list', hash: '#view=list', colorScheme: 'light' },
] as const;

describe.skipIf(chromium === undefined || folder === undefined)('pictures', () => {
  const server = new FixtureServer(bookinfo());
  let browser: Browser;

  beforeAll(async () => {
    await server.start();
    browser = await launch(chromium ?? '');
    mkdirSync(join(checkout, folder ?? ''), { recursive: true });
  });
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  it.each(SHOTS)('$name', async ({ name, hash, ...options }) => {
    server.fixture = bookinfo();
    const { page, complaints, close } = await openDashboard(browser, server.url, hash, options);
    if (name.endsWith('changes')) await page.locator('.timeline summary').first().click();
    if (name.endsWith('explain')) {
      await page.getByPlaceholder('http://reviews').fill('http://ratings:9080/ratings/0');
      await page.getByRole('button', { name: 'Explain' }).last().click();
      await page.waitForSelector('.steps');
    }
    await page.waitForTimeout(700);
    await page.screenshot({ path: join(checkout, folder ?? '', `${name}.png`) });
    expect(complaints).toEqual([]);
    await close();
  });

  it('dashboard-large', async () => {
    server.fixture = large(300);
    const { page, complaints, close } = await openDashboard(browser, server.url, '#group=namespace', {
      colorScheme: 'dark',
    });
    await page.waitForTimeout(1500);
    await page.screenshot({ path: join(checkout, folder ?? '', 'dashboard-large.png') });
    expect(complaints).toEqual([]);
    await close();
  });
});
