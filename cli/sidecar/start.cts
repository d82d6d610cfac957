#!/usr/bin/env node
import bundle = require('./bundle.cjs');

// The modules themselves where nothing could bundle them.
if (bundle.present()) bundle.run(bundle.compile());
else void import('../weft.js');
