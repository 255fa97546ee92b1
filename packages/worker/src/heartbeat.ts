import { Worker as Thread } from 'node:worker_threads'
import type { Clock, Random, ThreadAccess } from '@taskyard/core'
import { threadFlags } from '@taskyard/core/runtime'
import { threadModule } from '@taskyard/core/threads'
import type { FromHeartbeatThread, HeartbeatThreadData, LeaseNews } from './heartbeat-messages.ts'
import type { LeaseBoard } from './lease-board.ts'
import { startMainThreadTicks } from './main-thread-watch.ts'
import type { ReportError } from './report-error.ts'
import { retryDelayMs } from './retry.ts'

const ENTRY = 'worker/heartbeat-thread'
const STOP_MS = 1000

export interface HeartbeatParams {
  readonly board: LeaseBoard
  readonly leaseSeconds: number
  readonly clock: Clock
  readonly random: Random
  readonly report: ReportError
  /** Asked again for every thread: a port inside can be given away only once. */
  access(): ThreadAccess
  onNews(news: readonly LeaseNews[]): void
}

/** The heartbeat thread, kept running: should it die, another takes over what stands on the board. */
export class Heartbeat {
  readonly #params: HeartbeatParams
  readonly #entry = threadModule(import.meta.url, ENTRY)
  #thread: Thread | null = null
  #failures = 0
  #isHurried = false
  #stopped = false
  #stopTicks = () => {}

  constructor(params: HeartbeatParams) {
    this.#params = params
  }

  /** Resolves when the thread beats, or when its first start has failed and the next is planned. */
  start(): Promise<void> {
    this.#stopTicks = startMainThreadTicks(this.#params.board, this.#params.clock)
    return new Promise((resolve) => this.#launch(resolve))
  }

  /** As long as it is hurried, every lease is extended every 2 s at least, and a call that takes longer is given up. */
  hurry(isHurried: boolean): void {
    this.#isHurried = isHurried
    this.#tellHurry()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#stopTicks()
    const thread = this.#thread
    if (thread === null) return
    const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
    thread.postMessage({ kind: 'stop' })
    const callOff = this.#params.clock.after(STOP_MS, () => void thread.terminate())
    await exited
    callOff()
  }

  #tellHurry(): void {
    this.#thread?.postMessage({ kind: 'hurry', isHurried: this.#isHurried })
  }

  #launch(started: () => void): void {
    try {
      const thread = this.#openThread()
      this.#thread = thread
      thread.on('message', (message: FromHeartbeatThread) => this.#hear(message, started))
      thread.on('error', (error) => this.#params.report(error, 'heartbeat thread'))
      thread.on('exit', () => this.#relaunch(started))
    } catch (error) {
      this.#params.report(error, 'heartbeat thread')
      this.#relaunch(started)
    }
  }

  #openThread(): Thread {
    const { board, leaseSeconds } = this.#params
    const { module, data, transfer } = this.#params.access()
    const workerData: HeartbeatThreadData = {
      thread: ENTRY,
      module,
      data,
      board: board.buffer,
      slots: board.slots,
      leaseMs: leaseSeconds * 1000,
    }
    // The transfer list is the port's business; node:worker_threads types it more narrowly than `object`.
    const transferList = transfer as unknown as NonNullable<
      ConstructorParameters<typeof Thread>[1]
    >['transferList'] & {}
    return new Thread(this.#entry, { workerData, transferList, name: 'taskyard-heartbeat', ...threadFlags() })
  }

  #relaunch(started: () => void): void {
    this.#thread = null
    started()
    if (this.#stopped) return
    const { clock, random } = this.#params
    clock.after(retryDelayMs(this.#failures++, random), () => {
      if (!this.#stopped) this.#launch(() => {})
    })
  }

  #hear(message: FromHeartbeatThread, started: () => void): void {
    switch (message.kind) {
      case 'ready':
        this.#failures = 0
        if (this.#isHurried) this.#tellHurry()
        started()
        break
      case 'error':
        this.#params.report(Object.assign(new Error(message.message), { code: message.code }), 'heartbeat')
        break
      case 'news':
        this.#params.onNews(message.news)
    }
  }
}
