// The build puts dagre.esm.js of the package here.
export { Graph, layout } from '@dagrejs/dagre';
