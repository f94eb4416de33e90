CREATE TABLE "esp_calls" (
	"id" uuid PRIMARY KEY NOT NULL,
	"esp" text NOT NULL,
	"lease_token" uuid NOT NULL,
	"message_ids" uuid[] NOT NULL,
	"attempts" smallint[] NOT NULL,
	"made_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "unsure_attempt" smallint;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "unsure_token" uuid;--> statement-breakpoint
ALTER TABLE "esp_health" ADD COLUMN "recovered_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "esp_health" ADD COLUMN "rest_until" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "esp_calls_lease" ON "esp_calls" USING btree ("lease_token");--> statement-breakpoint
CREATE INDEX "esp_calls_made" ON "esp_calls" USING btree ("made_at");