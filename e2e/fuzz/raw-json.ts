/** A value that goes into a body as it is written, such as a number that JavaScript does not have. */
export class RawJson {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}
