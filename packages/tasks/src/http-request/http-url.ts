/** Whether a text is an absolute `http:` or `https:` URL. */
export function isHttpUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null
  return url?.protocol === 'http:' || url?.protocol === 'https:'
}

/** The URL without query and fragment, which may hold secrets, for messages and logs. */
export function printableUrl({ origin, pathname }: URL): string {
  return `${origin}${pathname}`
}
