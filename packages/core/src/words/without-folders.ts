/** An absolute path with two names at least, or the URL of a file; what comes before it belongs to no URL and no relative path. */
const PATH = /(?<![\w.:/~-])(?:file:\/\/)?(?:\/[^\s/:'"()]+)+\/(?=[^\s/:'"()])/g

/** A text in which each file is named without the folders of the machine that it lies in: for people elsewhere. */
export function withoutFolders(text: string): string {
  return text.replace(PATH, '')
}
