// The CommonJS build lives inside an ESM package, so its folder says what it holds.
import { writeFileSync } from 'node:fs';

writeFileSync(new URL('../libs/session/dist/cjs/package.json', import.meta.url), '{ "type": "commonjs" }\n');
