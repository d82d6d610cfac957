// `npm run check`: the generated protocol files match proto/subset.yaml.
process.argv.push('--check');
await import('./gen-proto.mjs');
