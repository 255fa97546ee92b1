// Runs a source file on the pinned Node, installing first whatever is missing: `node tools/bootstrap.mjs FILE [ARG…]`.
// Plain JavaScript without dependencies: this is the only file that must run on any Node since 18 and before `npm ci`.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Before it, `node:sqlite` mistook parameters of statements. */
const OLDEST_NODE = [24, 7]

/** Whether `node_modules` holds every package of the lock file in its version (packages of other platforms aside). */
export function isInstalled(root) {
  const wanted = readPackages(join(root, 'package-lock.json'))
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'))
  if (wanted === null || installed === null) return false
  return Object.entries(wanted).every(([path, { version, link, optional }]) => {
    if (!path.startsWith('node_modules/') || (optional && installed[path] === undefined)) return true
    return link ? installed[path]?.link === true : installed[path]?.version === version
  })
}

function readPackages(lockFile) {
  try {
    return JSON.parse(readFileSync(lockFile, 'utf8')).packages
  } catch {
    return null
  }
}

/** `npm ci`; where that refuses, `npm install` with the same lock file, which it leaves as it is. */
function install(root) {
  console.error('Installing dependencies, once: this can take a minute')
  const complaints = []
  for (const command of [['ci'], ['install', '--no-save']]) {
    const { status, stderr, error } = npm(root, command)
    if (status === 0) return
    complaints.push(`npm ${command.join(' ')}: ${error?.message ?? stderr}`)
  }
  console.error(`The dependencies could not be installed.\n${complaints.join('\n')}`)
  process.exit(1)
}

function npm(root, command) {
  const quiet = ['--loglevel=error', '--no-audit', '--no-fund', '--include=dev', '--include=optional']
  const options = {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  }
  return spawnSync('npm', [...command, ...quiet], options)
}

/** The Node of the lock file where this platform has one, else the running one if it is new enough. */
function findNode(root) {
  const pinned = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (existsSync(pinned) && (process.execPath === pinned || runs(pinned))) return pinned
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return process.execPath
  console.error(
    `No Node comes with Taskyard for ${process.platform}-${process.arch}, and this is ${process.version}: ` +
      `install Node ${OLDEST_NODE.join('.')} or later and try again`,
  )
  process.exit(1)
}

function runs(node) {
  return spawnSync(node, ['--version'], { stdio: 'ignore' }).status === 0
}

/** Becomes `node args`; where a process cannot be replaced, stays in front of it and passes signals and exit on. */
function become(node, args, env) {
  if (typeof process.execve === 'function') process.execve(node, [node, ...args], env)
  const child = spawn(node, args, { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the whole group: the child has it already, a second one would mean "hurry".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  child.on('error', (error) => {
    console.error(error.message)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  if (!isInstalled(root)) install(root)
  const path = `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`
  const [file, ...args] = process.argv.slice(2)
  become(findNode(root), [join(root, file), ...args], { ...process.env, PATH: path })
}
