/** Where a path begins that belongs to no URL but that of a store, and is no relative one. */
const BEGIN = String.raw`(?:(?<![\w.:/~-])|(?<=\bsqlite:))(?:file:\/\/)?`

/** An absolute path with two names at least, or the URL of a file. */
const PATH = new RegExp(String.raw`${BEGIN}(?:\/[^\s/:'"()]+)+\/(?=[^\s/:'"()])`, 'g')

/** In quotes or brackets, where names of folders may have spaces: with an end to look for, however long the text is. */
const ENCLOSED = /(?<=['"(](?:sqlite:)?)(?:file:\/\/)?\/(?!\/)[^'"()\n]{0,500}\/(?=[^/'"()\n])/g

/** What a text begins with, up to a file; spaces in the names of folders, four at most. */
const AT_BEGIN = /^(?:file:\/\/)?\/(?:[^\s:'"()]+ ){1,4}[^\s:'"()]*\/(?=[^\s/:'"()]+\.[a-z])/

/** A text in which each file is named without the folders of the machine that it lies in: for people elsewhere. */
export function withoutFolders(text: string): string {
  return text.replace(ENCLOSED, '').replace(AT_BEGIN, '').replace(PATH, '')
}
