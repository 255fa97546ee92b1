/** Keeps the process from ending by itself while it waits for something: what waits by a `Clock` does not. Gives what lets it end. */
export function keepProcessAlive(): () => void {
  const timer = setInterval(() => {}, 2 ** 31 - 1)
  return () => clearInterval(timer)
}
