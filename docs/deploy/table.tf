# Terraform: the endpoint table with its stream, and a replica in every further Region (a global table).

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.9.0" # deletion protection of replicas
    }
  }
}

variable "table_name" {
  type    = string
  default = "gco-inference-endpoints"
}

variable "replica_regions" {
  type        = set(string)
  default     = []
  description = "Further Regions with a replica, such as eu-west-1"
}

resource "aws_dynamodb_table" "endpoints" {
  name             = var.table_name
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "endpoint_name"
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"

  deletion_protection_enabled = true

  attribute {
    name = "endpoint_name"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  dynamic "replica" {
    for_each = var.replica_regions
    content {
      region_name                 = replica.value
      point_in_time_recovery      = true
      deletion_protection_enabled = true
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

output "stream_arn" {
  value = aws_dynamodb_table.endpoints.stream_arn
}
