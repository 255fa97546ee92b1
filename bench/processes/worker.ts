import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A remote worker in a process of its own; resolves when it has its session open. */
export async function startWorker(url: string): Promise<{ stop(): Promise<void> }> {
  const script = fileURLToPath(new URL('../programs/http-worker.ts', import.meta.url))
  const child: ChildProcess = fork(script, [url], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the worker ended with ${code}`))),
  ])
  return {
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    },
  }
}
