import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dependencyViolations } from '../check-dependencies.ts'
import { plant } from './support/plant.ts'

const CORE = {
  'package.json': '{"name":"planted","devDependencies":{"fast-check":"1"}}',
  'packages/core/package.json': manifest('@taskyard/core'),
  'packages/core/src/index.ts': 'export const core = 1\n',
}

const VIOLATIONS: readonly [string, Readonly<Record<string, string>>, RegExp][] = [
  [
    'the engine imports an adapter',
    {
      'packages/store-sqlite/package.json': manifest('@taskyard/store-sqlite'),
      'packages/engine/package.json': manifest('@taskyard/engine', '@taskyard/store-sqlite'),
      'packages/engine/src/index.ts': "export * from '@taskyard/store-sqlite'\n",
    },
    /engine must not import store-sqlite/,
  ],
  [
    'production imports conformance',
    {
      'packages/conformance/package.json': manifest('@taskyard/conformance'),
      'packages/taskyard/package.json': manifest('@taskyard/taskyard', '@taskyard/conformance'),
      'packages/taskyard/src/index.ts': "export const load = () => import('@taskyard/conformance')\n",
    },
    /taskyard must not import conformance/,
  ],
  [
    'production imports the test servers',
    {
      'packages/test-servers/package.json': manifest('@taskyard/test-servers'),
      'packages/conformance/package.json': manifest('@taskyard/conformance', '@taskyard/test-servers'),
      'packages/conformance/src/index.ts': "export * from '@taskyard/test-servers'\n",
    },
    /conformance must not import test-servers/,
  ],
  [
    'core does input or output',
    { 'packages/core/src/index.ts': "import 'node:fs'\n" },
    /core does no I\/O but in node\/, so it imports no node:fs/,
  ],
  [
    'a package reaches into another by its name',
    {
      'packages/engine/package.json': manifest('@taskyard/engine', '@taskyard/core'),
      'packages/engine/src/index.ts': "import '@taskyard/core/src/index.ts'\nimport '@taskyard/core'\n",
    },
    /@taskyard\/core\/src\/index\.ts is not exported/,
  ],
  [
    'a package reaches into another by a path',
    {
      'packages/engine/package.json': manifest('@taskyard/engine'),
      'packages/engine/test/a.test.ts': "import '../../core/src/index.ts'\n",
    },
    /leaves the package/,
  ],
  [
    'an imported package is not declared',
    {
      'packages/engine/package.json': manifest('@taskyard/engine'),
      'packages/engine/src/index.ts': "import type { Clock } from '@taskyard/core'\nexport type C = Clock\n",
    },
    /@taskyard\/core is not in the dependencies/,
  ],
  [
    'a declared package is not imported',
    { 'packages/engine/package.json': manifest('@taskyard/engine', 'left-over') },
    /nothing in src imports left-over/,
  ],
  [
    'a package is new and has no rule',
    { 'packages/surprise/package.json': manifest('@taskyard/surprise') },
    /packages\/surprise: say in .* what it may import/,
  ],
]

for (const [name, files, expected] of VIOLATIONS) {
  test(`the dependency rule is broken when ${name}`, (t) => {
    const violations = dependencyViolations(plant(t, { ...CORE, ...files }))
    assert.equal(violations.length, 1, violations.join('\n'))
    assert.match(violations[0] as string, expected)
  })
}

test('the dependency rule accepts what it allows', (t) => {
  const files = {
    'packages/engine/package.json': manifest('@taskyard/engine', '@taskyard/core'),
    'packages/engine/src/index.ts':
      "import { core } from '@taskyard/core'\nexport { x } from './x.ts'\nexport { core }\n",
    'packages/engine/src/x.ts': "import { hostname } from 'node:os'\nexport const x = hostname\n",
    'packages/engine/test/x.test.ts': "import 'fast-check'\nimport '../src/x.ts'\n",
  }
  assert.deepEqual(dependencyViolations(plant(t, { ...CORE, ...files })), [])
})

function manifest(name: string, ...dependencies: string[]): string {
  const wanted = Object.fromEntries(dependencies.map((dependency) => [dependency, '1']))
  return JSON.stringify({ name, exports: { '.': './src/index.ts' }, dependencies: wanted })
}
