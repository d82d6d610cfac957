import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { privateKeyPem } from '../../common/identity/keys.js';
import { splitCertificates } from '../../common/identity/pem.js';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import { makeRoot } from './root.js';
import {
  abortRotation,
  advanceRotation,
  authorityOf,
  beginRotation,
  bundleOf,
  filesOf,
  type RootPair,
  type RootState,
  stateOf,
} from './root-state.js';
import { fingerprintOf, RootRotation } from './rotation.js';
import { type Laggards, type ProxyTrust, TrustView } from './trust-view.js';

const log = createLogger('test', 'silent');
const ASKED = { id: 'r1', cause: 'command', now: 1000 } as const;
let old: RootPair;
let next: RootPair;

async function root(organization: string): Promise<RootPair> {
  const { pem, privateKey } = await makeRoot({ organization }, systemClock);
  return { certificate: pem, privateKey: privateKeyPem(privateKey) };
}

beforeAll(async () => {
  [old, next] = await Promise.all([root('old'), root('next')]);
});

/** Who signs, and who is trusted. */
function facts(state: RootState): readonly [signer: string, roots: readonly string[]] {
  const { certificate, roots } = authorityOf(state, 'test', Date.now());
  const name = (one: X509Certificate): string => one.subject.replace('O=', '');
  return [name(certificate), splitCertificates(roots).map((pem) => name(new X509Certificate(pem)))];
}

describe('the state of the roots', () => {
  it('goes through the steps, and is the same after it was stored in any of them', () => {
    const begun = beginRotation({ signer: old }, next, ASKED);
    const signing = advanceRotation(begun, 2000);
    const done = advanceRotation(signing, 3000);
    expect([begun, signing, done].map(facts)).toEqual([
      ['old', ['old', 'next']],
      ['next', ['next', 'old']],
      ['next', ['next']],
    ]);
    for (const state of [begun, signing, done]) expect(stateOf(filesOf(state))).toEqual(state);
    expect(signing.rotation).toMatchObject({ step: 'sign', startedAt: 1000, stepSince: 2000 });
  });

  it('is called off at once, or once everybody has certificates of the old root again', () => {
    const begun = beginRotation({ signer: old }, next, ASKED);
    expect(abortRotation(begun, 2000)).toEqual({ signer: old });
    const back = abortRotation(advanceRotation(begun, 2000), 3000);
    expect(facts(back)).toEqual(['old', ['old', 'next']]);
    expect(back.rotation).toMatchObject({ step: 'sign', aborted: true, stepSince: 3000 });
    expect(advanceRotation(back, 4000)).toEqual({ signer: old });
    expect(() => abortRotation({ signer: old }, 5000)).toThrow('no rotation is under way');
    expect(() => beginRotation(begun, next, ASKED)).toThrow('under way already');
  });

  it('is not guessed where it cannot be read', () => {
    const files = filesOf(beginRotation({ signer: old }, next, ASKED));
    expect(stateOf({ ...files, 'rotation.json': '{' })).toBeUndefined();
    expect(stateOf({ ...files, 'other-cert.pem': undefined })).toBeUndefined();
    expect(stateOf({ 'ca-cert.pem': old.certificate, 'ca-key.pem': old.privateKey })).toEqual({ signer: old });
  });
});

/** A clock that stands still until it is moved. */
class TestClock implements Clock {
  time = Date.now();
  now = (): number => this.time;
  monotonic = (): number => this.time;
  after = (): { cancel(): void } => ({ cancel: () => undefined });
}

const proxy = (id: string, trust: Partial<ProxyTrust>): ProxyTrust => ({
  id,
  tells: true,
  current: true,
  refusal: '',
  issuer: undefined,
  ...trust,
});

describe('who is not ready for the next step', () => {
  const clock = new TestClock();
  const view = (...proxies: ProxyTrust[]): TrustView =>
    new TrustView({ proxies: () => proxies, settleMs: 5000, silentMs: 60_000, clock });
  const step = (name: 'trust' | 'sign') => ({ step: name, stepSince: clock.now() });

  it.each([
    ['trust', { issuer: 'old' }, undefined],
    ['trust', { current: false }, 'has not the newest roots yet'],
    ['trust', { current: false, refusal: 'no' }, 'refuses the roots: no'],
    ['trust', { tells: false }, /^does not say whom it trusts/],
    ['sign', { issuer: 'new' }, undefined],
    ['sign', { issuer: 'old' }, 'has a certificate of the other root'],
    ['sign', {}, 'has no certificate yet'],
  ] as const)('%s: %j', (name, trust, reason) => {
    const { waitingFor } = view(proxy('a', trust)).laggards(step(name), 'new');
    if (reason === undefined) expect(waitingFor).toEqual([]);
    else expect(waitingFor).toEqual([{ proxy: 'a', reason: expect.stringMatching(reason) }]);
  });

  it('a proxy that says nothing is ready when its certificate must have been renewed', () => {
    const silent = view(proxy('a', { tells: false }));
    const since = step('trust');
    clock.time += 59_000;
    expect(silent.laggards(since, 'new').waitingFor).toHaveLength(1);
    clock.time += 1000;
    expect(silent.laggards(since, 'new').waitingFor).toEqual([]);
  });

  it('one that has just lost its connection is waited for, and so is everybody after a start', () => {
    const all = view();
    all.disconnected('a');
    expect(all.laggards(step('trust'), 'new')).toMatchObject({ settled: false, waitingFor: [{ proxy: 'a' }] });
    clock.time += 5000;
    expect(all.laggards(step('trust'), 'new')).toEqual({ settled: true, waitingFor: [] });
  });
});

describe('a rotation', () => {
  function rotation(laggards: () => Laggards, everyMs?: number) {
    const clock = new TestClock();
    let state: RootState = { signer: old };
    const store = {
      read: () => state,
      write: (changed: RootState) => {
        state = changed;
        return Promise.resolve();
      },
    };
    const made = new RootRotation({
      ...{ store, clock, log, laggards: () => Promise.resolve(laggards()), makeRoot: () => Promise.resolve(next) },
      ...(everyMs !== undefined && { everyMs }),
    });
    return { made, clock, state: () => state };
  }
  const ready: Laggards = { settled: true, waitingFor: [] };

  it('takes no step before everybody is ready', async () => {
    let now: Laggards = { settled: false, waitingFor: [] };
    const { made, clock, state } = rotation(() => now);
    await made.request({ action: 'start' });
    const look = async (): Promise<string | undefined> => {
      clock.time += 2000;
      await made.tick();
      return state().rotation?.step;
    };
    expect(await look()).toBe('trust');
    now = { settled: true, waitingFor: [{ proxy: 'a', reason: 'b' }] };
    expect(await look()).toBe('trust');
    now = ready;
    expect(await look()).toBe('sign');
    expect(await look()).toBeUndefined();
    expect(bundleOf(state())).toBe(next.certificate);
  });

  it('begins by itself when the root is old enough, and not again', async () => {
    const { made, clock, state } = rotation(() => ready, 86_400_000);
    await made.tick();
    expect(state().rotation).toBeUndefined();
    clock.time += 86_500_000;
    await made.tick();
    expect(state().rotation).toMatchObject({ cause: 'schedule', step: 'trust' });
    expect(fingerprintOf(state().rotation?.other.certificate ?? '')).toBe(fingerprintOf(next.certificate));
  });
});
