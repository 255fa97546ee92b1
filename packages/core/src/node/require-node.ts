import { nodeComplaint } from './node-version.ts'

// Imported first by what is published: an older Node would fail somewhere inside, in words that help nobody.

const complaint = nodeComplaint(process.version)
if (complaint !== null) throw withoutStack(complaint)

/** Its stack would show our files to somebody who needs another Node. */
function withoutStack(message: string): Error {
  const error = new Error(message)
  error.stack = `Error: ${message}`
  return error
}
