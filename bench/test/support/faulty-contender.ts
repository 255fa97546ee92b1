import type { Contender, ContenderOptions } from '../../contenders/contender.ts'

/** A system with three tasks that handles them as often, and says of its store afterwards, what the settings tell. */
export async function open({ settings }: ContenderOptions): Promise<Contender> {
  const { handled, unfinished, kept } = settings as { handled: number; unfinished: number; kept: number | null }
  return {
    submit: async () => {},
    submitMany: async () => {},
    async work(handle) {
      for (let n = 0; n < handled; n++) handle({ n })
      return { stop: async () => {} }
    },
    counts: async () => ({ unfinished, kept }),
    close: async () => {},
  }
}
