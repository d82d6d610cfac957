// Stands in the sidecar's bundle for what a library could load and never does there (bundle.mjs).
exports.loadSync = () => {
  throw new Error('not part of the sidecar');
};
