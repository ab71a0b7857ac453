import {
  ChangeWebhookEventsInput,
  RegenerateSecretInput,
  RemoveWebhookInput,
  SetWebhookInput,
} from '@stewrd/core/webhooks/input.ts'
import type { Delivery } from '@stewrd/db/webhooks/deliveries.ts'
import { z } from 'zod'
import { editorProcedure, freshEditorProcedure, projectProcedure, router } from '../trpc/trpc.ts'
import type { DeliveryDetail, DeliveryPage } from './queries.ts'
import { deliveryDetail, deliveryPage, retryDelivery, sendTest } from './queries.ts'
import type { WebhookChange, WebhookCurrent } from './service.ts'
import { changeWebhookEvents, currentWebhook, regenerateSecret, removeWebhook, setWebhook } from './service.ts'

const ProjectInput = z.strictObject({ projectId: z.uuid() })
const PageInput = ProjectInput.extend({
  cursor: z.uuid().nullish(),
  limit: z.int().min(1).max(100).default(20),
  // Infinite queries of the client send it along.
  direction: z.enum(['forward', 'backward']).optional(),
})
const DeliveryInput = ProjectInput.extend({ deliveryId: z.uuid() })

export const webhooksRouter = router({
  current: projectProcedure
    .input(ProjectInput)
    .query(({ ctx, input }): Promise<WebhookCurrent> => currentWebhook(ctx.platform, input.projectId)),
  /** The first time, the answer holds the secret. */
  set: freshEditorProcedure
    .input(SetWebhookInput)
    .mutation(({ ctx, input }): Promise<WebhookChange> => setWebhook(ctx.platform, input, ctx.actor)),
  regenerateSecret: freshEditorProcedure
    .input(RegenerateSecretInput)
    .mutation(({ ctx, input }): Promise<WebhookChange> => regenerateSecret(ctx.platform, input, ctx.actor)),
  changeEvents: editorProcedure
    .input(ChangeWebhookEventsInput)
    .mutation(({ ctx, input }): Promise<WebhookChange> => changeWebhookEvents(ctx.platform, input, ctx.actor)),
  /** Also of an archived project: taking an address away is always possible. */
  remove: projectProcedure
    .input(RemoveWebhookInput)
    .mutation(({ ctx, input }): Promise<WebhookChange> => removeWebhook(ctx.platform, input, ctx.actor)),
  sendTest: editorProcedure
    .input(ProjectInput)
    .mutation(({ ctx, input }): Promise<{ id: string }> => sendTest(ctx.platform, input.projectId)),
  deliveries: projectProcedure
    .input(PageInput)
    .query(({ ctx, input }): Promise<DeliveryPage> => deliveryPage(ctx.platform, input)),
  delivery: projectProcedure
    .input(DeliveryInput)
    .query(
      ({ ctx, input }): Promise<DeliveryDetail> => deliveryDetail(ctx.platform, input.projectId, input.deliveryId),
    ),
  retry: editorProcedure
    .input(DeliveryInput)
    .mutation(({ ctx, input }): Promise<Delivery> => retryDelivery(ctx.platform, input.projectId, input.deliveryId)),
})
