import { clsx } from 'clsx'
import type { ClassValue } from 'clsx'
import { twMerge } from 'tailwind-merge'

/** Class names, the later winning over the earlier. */
export const cn = (...classes: ClassValue[]) => twMerge(clsx(classes))
