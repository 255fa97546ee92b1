const INCLUDE = /^-- include (\S+)$/gm

/**
 * The text of a script with all that it includes: each `-- include includes/x.lua` is replaced by that file, once in all.
 * @param read a file of the scripts' folder
 */
export function scriptText(name: string, read: (file: string) => string): string {
  const included = new Set<string>()
  const whole = (file: string): string =>
    read(file).replace(INCLUDE, (_, inner: string) => {
      if (included.has(inner)) return ''
      included.add(inner)
      return whole(inner)
    })
  return whole(`${name}.lua`)
}
