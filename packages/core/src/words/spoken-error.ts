/** Code and message of an error; messages of Node begin with their code, which is said once. */
export function spokenError({ code, message }: { readonly code: string; readonly message: string }): string {
  return message.startsWith(`${code}: `) ? message : `${code}: ${message}`
}
