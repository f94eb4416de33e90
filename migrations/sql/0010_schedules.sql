CREATE TABLE "contents" (
	"account_id" text NOT NULL,
	"content_type" text NOT NULL,
	"subject" text NOT NULL,
	"content" text NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "contents_account_id_content_type_pk" PRIMARY KEY("account_id","content_type")
);
--> statement-breakpoint
CREATE TABLE "paced_requests" (
	"request_id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"size" integer NOT NULL,
	"interval_seconds" integer NOT NULL,
	"total" integer NOT NULL,
	"next_number" integer DEFAULT 1 NOT NULL,
	"next_at" timestamp with time zone,
	"held_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "request_batches" (
	"request_id" text NOT NULL,
	"number" integer NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"window" text NOT NULL,
	"weights" jsonb NOT NULL,
	"split" jsonb NOT NULL,
	CONSTRAINT "request_batches_request_id_number_pk" PRIMARY KEY("request_id","number")
);
--> statement-breakpoint
CREATE TABLE "request_orders" (
	"account_id" text NOT NULL,
	"request_id" text NOT NULL,
	"is_cancelled" boolean DEFAULT false NOT NULL,
	"is_paused" boolean DEFAULT false NOT NULL,
	"send_at" timestamp with time zone,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "request_orders_account_id_request_id_pk" PRIMARY KEY("account_id","request_id")
);
--> statement-breakpoint
CREATE TABLE "schedule_runs" (
	"schedule_id" text NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"fired_at" timestamp with time zone DEFAULT now() NOT NULL,
	"request_id" text,
	"reason" text,
	CONSTRAINT "schedule_runs_schedule_id_due_at_pk" PRIMARY KEY("schedule_id","due_at")
);
--> statement-breakpoint
CREATE TABLE "schedules" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"name" text DEFAULT '' NOT NULL,
	"cron" text NOT NULL,
	"zone" text NOT NULL,
	"email" jsonb NOT NULL,
	"content_type" text,
	"subscriber" text,
	"next_at" timestamp with time zone,
	"is_paused" boolean DEFAULT false NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sign_ups" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"key_id" text NOT NULL,
	"state" text NOT NULL,
	"mailed_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "task_counts" (
	"shard" smallint PRIMARY KEY NOT NULL,
	"executed" bigint DEFAULT 0 NOT NULL,
	"successful" bigint DEFAULT 0 NOT NULL,
	"failed" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"state" text NOT NULL,
	"attempts" smallint NOT NULL,
	"record" jsonb,
	"due_at" timestamp with time zone,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "held_due_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "batch_size" integer;--> statement-breakpoint
CREATE INDEX "paced_requests_next" ON "paced_requests" USING btree ("next_at") WHERE next_at is not null;--> statement-breakpoint
CREATE INDEX "request_orders_updated" ON "request_orders" USING btree ("updated_at");--> statement-breakpoint
CREATE INDEX "schedule_runs_fired" ON "schedule_runs" USING btree ("fired_at");--> statement-breakpoint
CREATE INDEX "schedules_next" ON "schedules" USING btree ("next_at") WHERE next_at is not null;--> statement-breakpoint
CREATE INDEX "schedules_account" ON "schedules" USING btree ("account_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "schedules_subscription" ON "schedules" USING btree ("account_id","subscriber","content_type") WHERE subscriber is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "sign_ups_key" ON "sign_ups" USING btree ("key_id");--> statement-breakpoint
CREATE INDEX "tasks_due" ON "tasks" USING btree ("due_at") WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX "tasks_over" ON "tasks" USING btree ("updated_at");