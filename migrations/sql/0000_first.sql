CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"prefix" text NOT NULL,
	"secret_hash" "bytea" NOT NULL,
	"scopes" text[] NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone,
	"last_used_at" timestamp with time zone,
	"revoked_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"message_id" uuid NOT NULL,
	"number" smallint NOT NULL,
	"esp" text NOT NULL,
	"state" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone NOT NULL,
	"provider_message_id" text,
	"error" text,
	CONSTRAINT "attempts_message_id_number_pk" PRIMARY KEY("message_id","number")
);
--> statement-breakpoint
CREATE TABLE "consumer_offsets" (
	"group_id" text NOT NULL,
	"topic" text NOT NULL,
	"topic_epoch" text NOT NULL,
	"partition" integer NOT NULL,
	"next_offset" bigint NOT NULL,
	"last_timestamp" bigint NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "consumer_offsets_group_id_topic_topic_epoch_partition_pk" PRIMARY KEY("group_id","topic","topic_epoch","partition")
);
--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"topic" text NOT NULL,
	"partition" integer NOT NULL,
	"offset" bigint NOT NULL,
	"epoch" text NOT NULL,
	"consumer" text NOT NULL,
	"code" text NOT NULL,
	"reason" text NOT NULL,
	"attempts" integer NOT NULL,
	"record_key" text,
	"headers" jsonb NOT NULL,
	"payload" "bytea" NOT NULL,
	"first_failed_at" timestamp with time zone NOT NULL,
	"stored_at" timestamp with time zone DEFAULT now() NOT NULL,
	"replayed_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "domain_counters" (
	"domain" text PRIMARY KEY NOT NULL,
	"delivered" bigint DEFAULT 0 NOT NULL,
	"bounced" bigint DEFAULT 0 NOT NULL,
	"first_bounce_at" timestamp with time zone,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "esp_health" (
	"esp" text PRIMARY KEY NOT NULL,
	"state" text NOT NULL,
	"good_rounds" integer NOT NULL,
	"bad_rounds" integer NOT NULL,
	"last_round" bigint NOT NULL,
	"last_error" text,
	"version" bigint NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "esp_rounds" (
	"esp" text NOT NULL,
	"round" bigint NOT NULL,
	"good" bigint DEFAULT 0 NOT NULL,
	"bad" bigint DEFAULT 0 NOT NULL,
	"fatal" bigint DEFAULT 0 NOT NULL,
	"last_error" text,
	CONSTRAINT "esp_rounds_esp_round_pk" PRIMARY KEY("esp","round")
);
--> statement-breakpoint
CREATE TABLE "esp_statistics" (
	"account_id" text NOT NULL,
	"esp" text NOT NULL,
	"mailbox_provider" text NOT NULL,
	"batch_id" text NOT NULL,
	"minute" timestamp with time zone NOT NULL,
	"sent" bigint DEFAULT 0 NOT NULL,
	"delivered" bigint DEFAULT 0 NOT NULL,
	"opened" bigint DEFAULT 0 NOT NULL,
	"clicked" bigint DEFAULT 0 NOT NULL,
	"bounced" bigint DEFAULT 0 NOT NULL,
	"complained" bigint DEFAULT 0 NOT NULL,
	"failed" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "esp_statistics_account_id_minute_esp_mailbox_provider_batch_id_pk" PRIMARY KEY("account_id","minute","esp","mailbox_provider","batch_id")
);
--> statement-breakpoint
CREATE TABLE "esp_totals" (
	"account_id" text NOT NULL,
	"esp" text NOT NULL,
	"mailbox_provider" text NOT NULL,
	"sent" bigint DEFAULT 0 NOT NULL,
	"delivered" bigint DEFAULT 0 NOT NULL,
	"opened" bigint DEFAULT 0 NOT NULL,
	"clicked" bigint DEFAULT 0 NOT NULL,
	"bounced" bigint DEFAULT 0 NOT NULL,
	"complained" bigint DEFAULT 0 NOT NULL,
	"failed" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "esp_totals_account_id_esp_mailbox_provider_pk" PRIMARY KEY("account_id","esp","mailbox_provider")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"esp" text NOT NULL,
	"event_day" date NOT NULL,
	"event_hash" uuid NOT NULL,
	"message_id" uuid,
	"type" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"domain" text NOT NULL,
	"bounce_class" text,
	"machine" boolean DEFAULT false NOT NULL,
	"reason" text,
	"raw" jsonb,
	"stored_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "events_esp_event_day_event_hash_pk" PRIMARY KEY("esp","event_day","event_hash")
) PARTITION BY RANGE ("event_day");
--> statement-breakpoint
-- Events whose day has no partition (a vendor's clock far off, a day not made ahead) are kept all the same.
CREATE TABLE "events_default" PARTITION OF "events" DEFAULT;--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"account_id" text NOT NULL,
	"key_hash" "bytea" NOT NULL,
	"body_hash" "bytea" NOT NULL,
	"request_id" text NOT NULL,
	"is_done" boolean DEFAULT false NOT NULL,
	"locked_until" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_account_id_key_hash_pk" PRIMARY KEY("account_id","key_hash")
);
--> statement-breakpoint
CREATE TABLE "messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"request_id" text NOT NULL,
	"account_id" text NOT NULL,
	"position" integer NOT NULL,
	"email" text NOT NULL,
	"name" text,
	"data" jsonb,
	"mailbox_provider" text NOT NULL,
	"batch_id" text DEFAULT '' NOT NULL,
	"status" text NOT NULL,
	"esp" text NOT NULL,
	"attempt" smallint DEFAULT 0 NOT NULL,
	"lease_token" uuid,
	"lease_until" timestamp with time zone,
	"due_at" timestamp with time zone,
	"claimed_at" timestamp with time zone,
	"duplicate_suspected" boolean DEFAULT false NOT NULL,
	"provider_message_id" text,
	"reason" text,
	"opens" integer DEFAULT 0 NOT NULL,
	"clicks" integer DEFAULT 0 NOT NULL,
	"unsubscribed_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"records" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "requests" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"lane" text NOT NULL,
	"class" text NOT NULL,
	"policy" text NOT NULL,
	"total" integer NOT NULL,
	"batch_id" text,
	"esps" text[],
	"content" jsonb NOT NULL,
	"decision_id" bigint,
	"weights" jsonb,
	"split" jsonb,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "weight_decisions" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"batch_id" text DEFAULT '' NOT NULL,
	"window" text NOT NULL,
	"policy" text NOT NULL,
	"reason" text NOT NULL,
	"weights" jsonb NOT NULL,
	"evidence" jsonb NOT NULL,
	"totals" jsonb,
	"counter" bigint DEFAULT 0 NOT NULL,
	"decided_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_secret" ON "api_keys" USING btree ("secret_hash");--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letters_origin" ON "dead_letters" USING btree ("topic","partition","offset","epoch");--> statement-breakpoint
CREATE INDEX "dead_letters_group" ON "dead_letters" USING btree ("topic","code");--> statement-breakpoint
CREATE INDEX "events_message" ON "events" USING btree ("message_id");--> statement-breakpoint
CREATE INDEX "messages_request" ON "messages" USING btree ("request_id","position");--> statement-breakpoint
CREATE INDEX "messages_created" ON "messages" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "messages_email" ON "messages" USING btree ("email");--> statement-breakpoint
CREATE INDEX "messages_leased" ON "messages" USING btree ("lease_until") WHERE status = 'sending';--> statement-breakpoint
CREATE INDEX "messages_due" ON "messages" USING btree ("due_at") WHERE status in ('queued', 'scheduled', 'unknown');--> statement-breakpoint
CREATE INDEX "requests_account_created" ON "requests" USING btree ("account_id","created_at");--> statement-breakpoint
CREATE INDEX "requests_heavy" ON "requests" USING btree ("created_at") WHERE content ? 'contentRef';--> statement-breakpoint
CREATE INDEX "weight_decisions_latest" ON "weight_decisions" USING btree ("account_id","batch_id","id");--> statement-breakpoint
-- Rows that are updated a few times soon after they were written: room on the page, and early vacuums.
ALTER TABLE "messages" SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);--> statement-breakpoint
ALTER TABLE "domain_counters" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);--> statement-breakpoint
ALTER TABLE "esp_statistics" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);--> statement-breakpoint
ALTER TABLE "esp_totals" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);--> statement-breakpoint
ALTER TABLE "consumer_offsets" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);
