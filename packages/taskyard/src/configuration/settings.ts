import type { Retention } from '@taskyard/core'
import { type Configuration, readConfiguration, retentionOf } from './read-configuration.ts'

/** What a Taskyard is assembled by, whoever starts it: the part of the configuration that is not about a server's surroundings. */
export interface Settings
  extends Pick<
    Configuration,
    'store' | 'allowUnsafeDurability' | 'roles' | 'queueDepth' | 'cancelGraceSeconds' | 'sessionGraceSeconds'
  > {
  readonly retention: Retention
}

/** The part of a server's configuration that assembling it needs. */
export function settingsOf(configuration: Configuration): Settings {
  return { ...configuration, retention: retentionOf(configuration) }
}

/** As in an empty environment. */
export function defaultSettings(): Settings {
  return settingsOf(readConfiguration({}))
}
