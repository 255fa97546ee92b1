import { statelessHandler, type TaskType } from '../task-type.ts'
import { uppercaseSchema } from './schema.ts'

type UppercasePayload = string | { readonly text: string } | { readonly data: string }

/** `uppercase`: the smallest useful task, to see a task go round. */
export const uppercaseType: TaskType = {
  type: 'uppercase',
  title: 'Upper case',
  description: 'Turns a text into upper case. The payload is the text itself, or an object with `text` or `data`.',
  schema: uppercaseSchema,
  failures: {},
  createHandler: () =>
    statelessHandler(({ payload }: { payload: UppercasePayload }) => ({ result: textOf(payload).toUpperCase() })),
}

function textOf(payload: UppercasePayload): string {
  if (typeof payload === 'string') return payload
  return 'text' in payload ? payload.text : payload.data
}
