/** An absolute path with two names at least, or the URL of a file; what comes before it belongs to no URL and no relative path. */
const PATH = /(?<![\w.:/~-])(?:file:\/\/)?(?:\/[^\s/:'"()]+)+\/(?=[^\s/:'"()])/g

/** One with spaces in the names of folders, four at most, that ends in a file. Rather too much of a text goes than a folder stays. */
const PATH_WITH_SPACES = /(?<![\w.:/~-])(?:file:\/\/)?\/(?:[^\s:'"()]+ ){1,4}[^\s:'"()]*\/(?=[^\s/:'"()]+\.[a-z])/g

/** A text in which each file is named without the folders of the machine that it lies in: for people elsewhere. */
export function withoutFolders(text: string): string {
  return text.replace(PATH_WITH_SPACES, '').replace(PATH, '')
}
