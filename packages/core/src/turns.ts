/** Runs what it is given, so many at a time and the others in their order. */
export type Turns = <Result>(run: () => Promise<Result>) => Promise<Result>

export function createTurns(most: number): Turns {
  const waiting: (() => void)[] = []
  let underWay = 0
  return async (run) => {
    if (underWay < most) underWay++
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await run()
    } finally {
      const next = waiting.shift()
      if (next === undefined) underWay--
      else next()
    }
  }
}
