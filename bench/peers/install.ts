import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Where the peers are, installing them beside this file when they are not there yet. */
export function installPeers(): { bun: string } {
  const script = fileURLToPath(new URL('./install.mjs', import.meta.url))
  const answer = execFileSync(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  return JSON.parse(answer.toString()) as { bun: string }
}
