import { describe, expect, it } from 'vitest';
import type { Clock } from '../../common/runtime/clock.js';
import { ApiError, type ApiRequest, type KubernetesApi } from '../kubernetes/api.js';
import { TokenReviewVerifier } from './token-review.js';
import { isUndecided, TokenError } from './tokens.js';

let now = Date.UTC(2026, 0, 1);
const clock: Clock = { now: () => now, monotonic: () => now, after: () => ({ cancel: () => {} }) };

function token(expiresInSeconds: number): string {
  const payload = Buffer.from(JSON.stringify({ exp: now / 1000 + expiresInSeconds })).toString('base64url');
  return `head.${payload}.signature`;
}

const GOOD = {
  authenticated: true,
  audiences: ['istio-ca'],
  user: {
    username: 'system:serviceaccount:default:reviews',
    extra: { 'authentication.kubernetes.io/pod-name': ['reviews-v1-abc'] },
  },
};

class TestApi implements KubernetesApi {
  asked: ApiRequest[] = [];
  constructor(public answer: object | Error) {}

  async request<T>(request: ApiRequest): Promise<T> {
    this.asked.push(request);
    if (this.answer instanceof Error) throw this.answer;
    return { status: this.answer } as T;
  }

  watch(): Promise<void> {
    return Promise.reject(new Error('not here'));
  }
}

const verifier = (api: KubernetesApi): TokenReviewVerifier =>
  new TokenReviewVerifier({ api, clock, random: () => 0.5 });

describe('a token review', () => {
  it('names account, pod and end, and asks for the audience', async () => {
    const api = new TestApi(GOOD);
    const own = token(3600);
    await expect(verifier(api).verify(own)).resolves.toEqual({
      namespace: 'default',
      serviceAccount: 'reviews',
      pod: 'reviews-v1-abc',
      expiresAt: now + 3_600_000,
    });
    expect(api.asked[0]?.body).toMatchObject({ spec: { token: own, audiences: ['istio-ca'] } });
  });

  it.each<[string, object, string, string]>([
    ['the server refuses', { authenticated: false, error: 'invalid bearer token' }, token(60), 'invalid bearer token'],
    ['is for another audience', { ...GOOD, audiences: ['https://kubernetes.default.svc'] }, token(60), 'istio-ca'],
    ['no server checked the audience of', { ...GOOD, audiences: undefined }, token(60), 'istio-ca'],
    ['belongs to a person', { ...GOOD, user: { username: 'admin' } }, token(60), 'no service account'],
    [
      'would be two names in one',
      { ...GOOD, user: { username: 'system:serviceaccount:a/ns/b:c' } },
      token(60),
      'no service account',
    ],
    ['has expired', GOOD, token(-1), 'expired'],
    ['is too long', GOOD, 'x'.repeat(20_000), 'too long'],
  ])('refuses one that %s', async (_name, answer, text, reason) => {
    const error: unknown = await verifier(new TestApi(answer))
      .verify(text)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TokenError);
    expect((error as Error).message).toContain(reason);
    expect((error as Error).message).not.toContain(text);
    expect(isUndecided(error)).toBe(false);
  });

  it('is asked for once by all who show the same token at once, and kept for 30 s', async () => {
    const api = new TestApi(GOOD);
    const subject = verifier(api);
    const own = token(3600);
    await Promise.all([subject.verify(own), subject.verify(own)]);
    now += 29_000;
    await subject.verify(own);
    expect(api.asked).toHaveLength(1);
    now += 2000;
    await subject.verify(own);
    expect(api.asked).toHaveLength(2);
  });

  it('is not kept longer than the token lives', async () => {
    const api = new TestApi(GOOD);
    const subject = verifier(api);
    const own = token(5);
    await subject.verify(own);
    now += 5001;
    await expect(subject.verify(own)).rejects.toThrow('expired');
  });

  it('can be tried again when nobody answers, and does not ask at every try', async () => {
    const api = new TestApi(new ApiError('connect ECONNREFUSED', 0));
    const subject = verifier(api);
    for (let i = 0; i < 5; i++) {
      const error: unknown = await subject.verify(token(3600 + i)).catch((thrown: unknown) => thrown);
      expect(isUndecided(error)).toBe(true);
      expect((error as Error).message).toContain('ECONNREFUSED');
    }
    expect(api.asked).toHaveLength(1);
    api.answer = GOOD;
    now += 60_000;
    await expect(subject.verify(token(3600))).resolves.toMatchObject({ pod: 'reviews-v1-abc' });
  });
});
