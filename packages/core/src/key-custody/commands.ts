/** `maxAgeDays` null: back to the deployment's rule. */
export type SetRotationPolicy = { type: 'SetRotationPolicy'; maxAgeDays: number | null; reason?: string }

export type KeyCustodyCommand = SetRotationPolicy
