CREATE TABLE "esp_audit" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"esp" text NOT NULL,
	"action" text NOT NULL,
	"account_id" text NOT NULL,
	"reason" text,
	"before" jsonb,
	"after" jsonb,
	"at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "esp_budgets" (
	"esp" text NOT NULL,
	"period" text NOT NULL,
	"since" timestamp with time zone NOT NULL,
	"spent" double precision DEFAULT 0 NOT NULL,
	CONSTRAINT "esp_budgets_esp_period_pk" PRIMARY KEY("esp","period")
);
--> statement-breakpoint
CREATE TABLE "esp_cohorts" (
	"account_id" text NOT NULL,
	"esp" text NOT NULL,
	"mailbox_provider" text NOT NULL,
	"sent_at" timestamp with time zone NOT NULL,
	"sent" bigint DEFAULT 0 NOT NULL,
	"delivered" bigint DEFAULT 0 NOT NULL,
	"opened" bigint DEFAULT 0 NOT NULL,
	"clicked" bigint DEFAULT 0 NOT NULL,
	"bounced" bigint DEFAULT 0 NOT NULL,
	"complained" bigint DEFAULT 0 NOT NULL,
	"failed" bigint DEFAULT 0 NOT NULL,
	"catch_all" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "esp_cohorts_account_id_sent_at_esp_mailbox_provider_pk" PRIMARY KEY("account_id","sent_at","esp","mailbox_provider")
);
--> statement-breakpoint
CREATE TABLE "esp_controls" (
	"esp" text PRIMARY KEY NOT NULL,
	"mode" text DEFAULT 'active' NOT NULL,
	"per_second" integer,
	"per_day" bigint,
	"per_month" bigint,
	"ramp" jsonb,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "outcome_delays" (
	"esp" text NOT NULL,
	"bucket" integer NOT NULL,
	"count" double precision NOT NULL,
	"min_ms" integer NOT NULL,
	"max_ms" integer NOT NULL,
	"since" timestamp with time zone NOT NULL,
	CONSTRAINT "outcome_delays_esp_bucket_pk" PRIMARY KEY("esp","bucket")
);
--> statement-breakpoint
CREATE TABLE "single_carries" (
	"account_id" text PRIMARY KEY NOT NULL,
	"carry" jsonb DEFAULT '{}'::jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sender_paces" (
	"account_id" text NOT NULL,
	"sender_domain" text NOT NULL,
	"mailbox_provider" text NOT NULL,
	"next_at" timestamp with time zone NOT NULL,
	CONSTRAINT "sender_paces_pk" PRIMARY KEY("account_id","sender_domain","mailbox_provider")
);
--> statement-breakpoint
CREATE TABLE "sender_statistics" (
	"account_id" text NOT NULL,
	"sender_domain" text NOT NULL,
	"mailbox_provider" text NOT NULL,
	"day" date NOT NULL,
	"delivered" bigint DEFAULT 0 NOT NULL,
	"complained" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "sender_statistics_pk" PRIMARY KEY("day","account_id","sender_domain","mailbox_provider")
);
--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "sender_domain" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "plan" jsonb;--> statement-breakpoint
ALTER TABLE "esp_health" ADD COLUMN "trips" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "esp_health" ADD COLUMN "changed_round" bigint;--> statement-breakpoint
ALTER TABLE "esp_health" ADD COLUMN "probe_round" bigint DEFAULT -1 NOT NULL;--> statement-breakpoint
ALTER TABLE "esp_statistics" ADD COLUMN "catch_all" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "esp_totals" ADD COLUMN "catch_all" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "weight_decisions" ADD COLUMN "provider_weights" jsonb;--> statement-breakpoint
ALTER TABLE "weight_decisions" ADD COLUMN "basis" jsonb;--> statement-breakpoint
CREATE INDEX "esp_audit_esp" ON "esp_audit" USING btree ("esp","id");--> statement-breakpoint
CREATE INDEX "requests_decision" ON "requests" USING btree ("decision_id");