/** Any JSON value fits; the fields below mean something when the payload is an object that has them. */
export const testSchema = {
  type: ['object', 'array', 'string', 'number', 'boolean', 'null'],
  properties: {
    message: { description: 'Any value; comes back in the result, its numbers as JavaScript holds them.' },
    delayMs: {
      type: 'integer',
      minimum: 0,
      maximum: 60_000,
      description: 'How long the attempt takes, in milliseconds. Cancel and timeout end it early. Default 0.',
    },
    progressSteps: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      description: 'How many times progress `{step, steps}` is reported, evenly over `delayMs`.',
    },
    log: {
      type: 'array',
      maxItems: 100,
      items: { type: 'string', maxLength: 1000 },
      description: "Up to 100 lines of up to 1,000 characters for the task's log.",
    },
    blockMs: {
      type: 'integer',
      minimum: 0,
      maximum: 60_000,
      description:
        'For so many milliseconds a process with the role worker alone blocks its event loop, as a badly behaved handler ' +
        'does; one that serves others as well waits. Default 0.',
    },
    fail: {
      type: ['boolean', 'integer'],
      minimum: 0,
      maximum: 1000,
      description: '`true`: every attempt fails; a number: so many attempts fail, the next succeeds. Default `false`.',
    },
    retryable: {
      type: 'boolean',
      description: 'Whether the failures asked for with `fail` may be retried. Default `true`.',
    },
  },
} as const
