# Terraform: the controller's IAM role for one Region, from controller-policy.json, and its EKS Pod Identity association.

variable "cluster_name" {
  type = string
}

variable "home_region" {
  type = string
}

variable "stream_region" {
  type = string
}

variable "endpoint_table_name" {
  type    = string
  default = "gco-inference-endpoints"
}

variable "release_namespace" {
  type    = string
  default = "gco-system"
}

variable "service_account" {
  type    = string
  default = "reconciler-gco-stream-reconciler"
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_eks_cluster" "this" {
  name = var.cluster_name
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [data.aws_eks_cluster.this.arn]
    }
  }
}

resource "aws_iam_role" "controller" {
  name_prefix        = "gco-stream-reconciler-"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "table" {
  name = "endpoint-table"
  role = aws_iam_role.controller.id
  policy = templatefile("${path.module}/controller-policy.json", {
    Partition    = data.aws_partition.current.partition
    AccountId    = data.aws_caller_identity.current.account_id
    TableName    = var.endpoint_table_name
    HomeRegion   = var.home_region
    StreamRegion = var.stream_region
  })
}

resource "aws_eks_pod_identity_association" "controller" {
  cluster_name    = var.cluster_name
  namespace       = var.release_namespace
  service_account = var.service_account
  role_arn        = aws_iam_role.controller.arn
}
