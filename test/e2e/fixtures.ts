/** Manifests of the tests. Programs of their own are one line for the node of the sample's image. */
import { imageName } from '../../bin/images.mjs';

export const CONTROL_IMAGE: string = imageName('weft-control');
export const TOOLS_IMAGE: string = imageName('weft-e2e-tools');

/** A container that runs a text as a Node program. */
export function program(source: string, more = ''): string {
  return `name: app
          image: ${CONTROL_IMAGE}
          imagePullPolicy: IfNotPresent
          command: [/usr/local/bin/node, -e, ${JSON.stringify(source)}]${more}`;
}

const IDLE = "process.on('SIGTERM',()=>process.exit(0));setInterval(()=>{},1e9)";

/** A pod that waits for `kubectl exec`. */
export function idle(name: string, annotations?: string): string {
  return deployment(name, IDLE, annotations);
}

export function deployment(name: string, source: string, annotations = '{}'): string {
  return `
apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata:
      labels: {app: ${name}, version: v1}
      annotations: ${annotations}
    spec:
      serviceAccountName: ${name}
      containers:
        - ${program(source)}
`;
}

export function service(name: string, ports: string, more = ''): string {
  return `
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec:
  selector: {app: ${name}}
  ports: [${ports}]${more}
`;
}

/** A pod in the node's network that can see packets. */
export function sniffer(node: string): string {
  return `
apiVersion: v1
kind: Pod
metadata: {name: sniffer, labels: {app: sniffer}}
spec:
  nodeName: ${node}
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  tolerations: [{operator: Exists}]
  containers:
    - name: app
      image: ${TOOLS_IMAGE}
      imagePullPolicy: IfNotPresent
      command: [sleep, infinity]
      securityContext: {runAsUser: 0, capabilities: {add: [NET_ADMIN, NET_RAW]}}
`;
}

export function peerAuthentication(mode: 'STRICT' | 'PERMISSIVE'): string {
  return `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: ${mode}}}
`;
}

/** Says who answered, and whether the caller came with a certificate. */
export const WHO = `require('http').createServer((q,s)=>s.end(JSON.stringify({podname:require('os').hostname()+(q.headers['x-forwarded-client-cert']?' mtls':'')}))).listen(8080,'::');process.on('SIGTERM',()=>process.exit(0))`;
