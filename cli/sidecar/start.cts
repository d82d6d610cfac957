import bundle = require('./bundle.cjs');

bundle.run(bundle.compile());
