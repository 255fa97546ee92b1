import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldsOf } from '../build/repository-fields.ts'

test('a package says where its sources are when git knows an address on the web', () => {
  const fields = {
    repository: { type: 'git', url: 'git+https://git.example.com/ada/taskyard.git' },
    homepage: 'https://git.example.com/ada/taskyard#readme',
    bugs: { url: 'https://git.example.com/ada/taskyard/issues' },
  }
  for (const remote of [
    'https://git.example.com/ada/taskyard.git',
    'https://ada:token@git.example.com/ada/taskyard',
    'git@git.example.com:ada/taskyard.git',
    'ssh://git@git.example.com/ada/taskyard.git',
  ]) {
    assert.deepEqual(fieldsOf(remote), fields, remote)
  }
})

test('a package says nothing of a repository that is only on this machine', () => {
  for (const remote of [
    '/srv/git/taskyard.git',
    'file:///srv/git/taskyard.git',
    '',
    '../taskyard',
    'server:taskyard.git',
  ]) {
    assert.deepEqual(fieldsOf(remote), {}, remote)
  }
})
