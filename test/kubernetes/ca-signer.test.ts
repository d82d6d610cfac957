import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificatesV1Api, CoreV1Api, type V1CertificateSigningRequest } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildCertificate } from '../../common/identity/certificate.js';
import { parseCsr } from '../../common/identity/csr.js';
import { splitCertificates } from '../../common/identity/pem.js';
import { systemClock } from '../../common/runtime/clock.js';
import type { CaReport } from '../../control-plane/ca/report.js';
import { makeRoot } from '../../control-plane/ca/root.js';
import { CLUSTER_RULES, NAMESPACE_RULES, signerRules } from '../../control-plane/kubernetes/permissions.js';
import { installDefinitions } from '../support/definitions.js';
import { skipWithoutKubernetes, startTestCluster, type TestCluster } from '../support/kubernetes.js';
import { requestCertificate } from '../support/mesh-calls.js';
import { Replica } from '../support/replica.js';

const SIGNER = 'weft.test/mesh';
const URI = 'spiffe://cluster.local/ns/apps/sa/client';
const ACCOUNT = 'weft-control-plane';
const PATIENCE = { timeout: 45_000, interval: 100 };
type Root = Awaited<ReturnType<typeof makeRoot>>;

/** Plays the signer's controller: signs what is approved, with its own key; never what is not. */
class SignerController {
  readonly seen: V1CertificateSigningRequest[] = [];
  /** What it signs by, and as whom. */
  root: Root;
  name = URI;
  denies = false;
  private on = true;

  constructor(
    private readonly api: CertificatesV1Api,
    root: Root,
  ) {
    this.root = root;
  }

  async run(): Promise<void> {
    while (this.on) {
      const { items } = await this.api.listCertificateSigningRequest();
      for (const item of items) await this.handle(item).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  stop(): void {
    this.on = false;
  }

  private async handle(request: V1CertificateSigningRequest): Promise<void> {
    const { spec, status, metadata } = request;
    const name = metadata?.name ?? '';
    const approved = status?.conditions?.some(({ type }) => type === 'Approved') === true;
    if (spec.signerName !== SIGNER || !approved || status?.certificate !== undefined) return;
    this.seen.push(request);
    if (this.denies) {
      const failed = { type: 'Failed', status: 'True', reason: 'Policy', message: 'not today' };
      const conditions = [...(status?.conditions ?? []), failed];
      await this.api.replaceCertificateSigningRequestStatus({ name, body: { ...request, status: { conditions } } });
      return;
    }
    const { publicKey } = parseCsr(Buffer.from(spec.request, 'base64').toString());
    const now = Date.now();
    const signer = { privateKey: this.root.privateKey, certificate: new X509Certificate(this.root.pem) };
    const life = (spec.expirationSeconds ?? 0) * 1000;
    const pem = buildCertificate({
      publicKey,
      names: { uris: [this.name] },
      notBefore: now - 1000,
      notAfter: now + life,
      signer,
    });
    const certificate = Buffer.from(pem).toString('base64');
    await this.api.replaceCertificateSigningRequestStatus({
      name,
      body: { ...request, status: { ...status, certificate } },
    });
  }
}

describe.skipIf(skipWithoutKubernetes())('certificates from a signer of the Kubernetes CSR API', () => {
  let cluster: TestCluster;
  let core: CoreV1Api;
  let api: CertificatesV1Api;
  let replica: Replica;
  let controller: SignerController;
  let running: Promise<void>;
  let root: Root;
  const folder = mkdtempSync(join(tmpdir(), 'weft-signer-'));
  const rootsPath = join(folder, 'roots.pem');
  const bundle = async (): Promise<string> =>
    (await core.readNamespacedConfigMap({ name: 'istio-ca-root-cert', namespace: 'apps' })).data?.['root-cert.pem'] ??
    '';
  const ask = async (uri = URI): Promise<readonly string[]> => {
    const token = await cluster.token('apps', 'client', { audiences: ['istio-ca'] });
    return requestCertificate({ address: await replica.xdsAddress(), roots: await bundle(), token }, uri);
  };

  beforeAll(async () => {
    cluster = await startTestCluster();
    core = cluster.kubeConfig.makeApiClient(CoreV1Api);
    api = cluster.kubeConfig.makeApiClient(CertificatesV1Api);
    await installDefinitions(cluster);
    await cluster.createNamespaces('istio-system', 'apps');
    root = await makeRoot({ organization: 'elsewhere' }, systemClock);
    writeFileSync(rootsPath, root.pem);
    const group = 'rbac.authorization.k8s.io';
    const metadata = { name: ACCOUNT };
    const subjects = [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: 'istio-system' }];
    // In its own rights, with those of the signer, and not more.
    const rules = [...CLUSTER_RULES, ...NAMESPACE_RULES, ...signerRules(SIGNER)];
    const roleRef = { apiGroup: group, kind: 'ClusterRole', name: ACCOUNT };
    await cluster.apply(
      [
        { apiVersion: `${group}/v1`, kind: 'ClusterRole', metadata, rules },
        { apiVersion: `${group}/v1`, kind: 'ClusterRoleBinding', metadata, roleRef, subjects },
      ]
        .map((object) => JSON.stringify(object))
        .join('\n---\n'),
    );
    const kubeconfig = join(folder, 'kubeconfig');
    const config = cluster.configFor(await cluster.token('istio-system', ACCOUNT));
    writeFileSync(kubeconfig, config.exportConfig(), { mode: 0o600 });
    controller = new SignerController(api, root);
    running = controller.run();
    replica = new Replica('a', kubeconfig, ['--ca-signer', `k8s:${SIGNER}`, '--ca-signer-roots', rootsPath]);
    await vi.waitFor(async () => expect(await bundle()).toContain(root.pem.trim()), PATIENCE);
  });

  afterAll(async () => {
    controller?.stop();
    await running;
    await replica?.end('SIGKILL');
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('are signed there, for the workload’s name, and the request is deleted', async () => {
    const chain = await ask();
    const leaf = new X509Certificate(chain[0] ?? '');
    expect([leaf.subjectAltName, leaf.verify(new X509Certificate(root.pem).publicKey)]).toEqual([`URI:${URI}`, true]);
    // Workloads trust the signer's root alone: our own is for the control plane's certificate.
    expect(splitCertificates(chain.at(-1) ?? '')).toEqual(splitCertificates(root.pem));
    expect(controller.seen.at(-1)?.spec.usages).toEqual(
      expect.arrayContaining(['digital signature', 'client auth', 'server auth']),
    );
    await expect.poll(async () => (await api.listCertificateSigningRequest()).items, PATIENCE).toEqual([]);
  });

  it('are refused where the signer denies, or answers for another name or below another root', async () => {
    controller.denies = true;
    await expect(ask()).rejects.toThrow(/could not be signed/);
    controller.denies = false;
    controller.name = 'spiffe://cluster.local/ns/apps/sa/other';
    await expect(ask()).rejects.toThrow(/could not be signed/);
    controller.name = URI;
    controller.root = await makeRoot({ organization: 'elsewhere' }, systemClock);
    await expect(ask()).rejects.toThrow(/could not be signed/);
    controller.root = root;
    const log = replica.log.join('\n');
    expect(log).toMatch(/Failed, Policy not today/);
    expect(log).toMatch(/has signed URI:spiffe:\/\/cluster.local\/ns\/apps\/sa\/other/);
    expect(log).toMatch(/does not lead to a root of this mesh/);
    const asked = controller.seen.length;
    await expect(ask('spiffe://cluster.local/ns/apps/sa/other')).rejects.toThrow(/may not have a certificate/);
    expect(controller.seen).toHaveLength(asked);
  });

  it('are not ours to rotate, which `weft ca` is told', async () => {
    const annotations = { 'weft/rotate-root': JSON.stringify({ id: 'one', action: 'start' }) };
    await core.patchNamespacedSecret({
      name: 'weft-ca-secret',
      namespace: 'istio-system',
      body: [{ op: 'add', path: '/metadata/annotations', value: annotations }],
    });
    const report = async (): Promise<CaReport> => (await (await replica.get('/debug/ca')).json()) as CaReport;
    await expect.poll(async () => (await report()).lastRequest?.problem, PATIENCE).toMatch(/rotate its root there/);
    expect(await report()).toMatchObject({ external: `Kubernetes signer ${SIGNER}` });
  });

  it('bring the signer’s next root to everybody when its file has it', async () => {
    const next = await makeRoot({ organization: 'elsewhere' }, systemClock);
    writeFileSync(rootsPath, root.pem + next.pem);
    await expect.poll(bundle, PATIENCE).toContain(next.pem.trim());
    controller.root = next;
    expect(splitCertificates((await ask()).at(-1) ?? '')).toHaveLength(2);
  });
});
