import { trpc } from '../../lib/trpc.ts'

export const useMe = () => trpc.me.useQuery(undefined, { staleTime: 60_000 })
export const useSetupStatus = () => trpc.setup.status.useQuery()
export const useConfirmPassword = () => trpc.account.confirmPassword.useMutation()
export const useCreateOwner = () => trpc.setup.createOwner.useMutation()
