const PATIENCE_MS = 1000

/** Where what listens on an address is reached from this machine. */
export function urlHere(host: string, port: number): string {
  const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** Who has a port that is taken, as far as it says. */
export async function portHolder(host: string, port: number): Promise<string> {
  try {
    const answer = await fetch(`${urlHere(host, port)}/health`, { signal: AbortSignal.timeout(PATIENCE_MS) })
    const { name, version } = (await answer.json()) as { readonly name?: unknown; readonly version?: unknown }
    return name === 'taskyard' ? `Taskyard ${version}, which runs already` : ANOTHER
  } catch {
    return ANOTHER
  }
}

const ANOTHER = 'another program'
